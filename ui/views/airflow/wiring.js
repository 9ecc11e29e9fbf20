// How a local Airflow comes to ask dagpass: one command a layout, and what it changes.
import { h } from '../../dom.js';
import { command, prose } from '../../notice.js';
import { tabs } from '../../tabs.js';

const LAYOUTS = [
  ['venv', 'Virtual env', 'Airflow in a virtual environment: puts the package into its interpreter and one line into its `airflow.cfg`.', ['dagpass airflow setup --for venv', 'dagpass run -- airflow dags test my_dag']],
  ['standalone', 'Standalone', '`airflow standalone` on this machine: the same, for the `airflow.cfg` that it made.', ['dagpass airflow setup --for standalone', 'dagpass run -- airflow standalone']],
  ['compose', 'Compose', 'Docker Compose: opens a door of the project’s own for its containers and writes `docker-compose.override.yml`.', ['dagpass airflow setup --for compose', 'docker compose up -d']],
  ['astro', 'Astro', 'A project of the Astro CLI: `.env`, and the package in `include/`.', ['dagpass airflow setup --for astro', 'astro dev restart']],
  ['vscode', 'VS Code', 'Debugging in Visual Studio Code: the environment of `.vscode/launch.json`.', ['dagpass airflow setup --for vscode']],
  ['pytest', 'pytest', 'Tests of DAGs: a fixture in `conftest.py`.', ['dagpass airflow setup --for pytest', 'pytest']],
];

export function wiring() {
  const entries = LAYOUTS.map(([key, label, what, commands]) => ({
    key,
    label,
    panel: h('div', { class: 'wire' }, h('p', { class: 'soft' }, prose(what)), commands.map(command), h('p', { class: 'soft small' }, prose(`\`--dry-run\` shows every change first; \`dagpass airflow setup --for ${key} --undo\` takes it back.`))),
  }));
  const { list, panels } = tabs('Where Airflow runs', entries);
  return h('div', { class: 'card wiring' }, list, panels);
}
