//! End to end: the real programs in a hermetic home, against providers on loopback. One file a
//! fact. Linux only: the keychain here is gnome-keyring under a private D-Bus.

#![cfg(target_os = "linux")]

#[cfg(test)]
mod agent_start;
#[cfg(test)]
mod airflow_roles;
#[cfg(test)]
mod airflow_token;
#[cfg(test)]
mod airflowctl_item;
#[cfg(test)]
mod approvals;
#[cfg(test)]
mod argv;
#[cfg(test)]
mod at_a_terminal;
#[cfg(test)]
mod at_the_sandbox;
#[cfg(test)]
mod auto_logout;
#[cfg(test)]
mod browser_sign_in;
#[cfg(test)]
mod canary;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod collector;
#[cfg(test)]
mod config_edit;
#[cfg(test)]
mod containers;
#[cfg(test)]
mod deployment;
#[cfg(test)]
mod device_pkce;
#[cfg(test)]
mod device_sign_in;
#[cfg(test)]
mod display;
#[cfg(test)]
mod django;
#[cfg(test)]
mod ended;
#[cfg(test)]
mod endpoints;
#[cfg(test)]
mod events;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod foreign_home;
#[cfg(test)]
mod guard;
#[cfg(test)]
mod http;
#[cfg(test)]
mod idp;
#[cfg(test)]
mod init_from;
#[cfg(test)]
mod keychain_records;
#[cfg(test)]
mod keychain_states;
#[cfg(test)]
mod kill_matrix;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod lanes;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod ledger_file;
#[cfg(test)]
mod ledger_log;
#[cfg(test)]
mod login1;
#[cfg(test)]
mod login_item;
#[cfg(test)]
mod logout;
#[cfg(test)]
mod logout_offline;
#[cfg(test)]
mod managed_config;
#[cfg(test)]
mod many_callers;
#[cfg(test)]
mod many_followers;
#[cfg(test)]
mod network;
#[cfg(test)]
mod new_proof;
#[cfg(test)]
mod no_certificates;
#[cfg(test)]
mod notices;
#[cfg(test)]
mod notifier;
#[cfg(test)]
mod one_door;
#[cfg(test)]
mod opener;
#[cfg(test)]
mod own_sign_in;
#[cfg(test)]
mod passphrase_store;
#[cfg(test)]
mod pasted_callback;
#[cfg(test)]
mod ping_hangs;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod policy_layers;
#[cfg(test)]
mod polkit;
#[cfg(test)]
mod polkitd;
#[cfg(test)]
mod proxied;
#[cfg(test)]
mod proxies;
#[cfg(test)]
mod pruned;
#[cfg(test)]
mod purge;
#[cfg(test)]
mod relay;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod run_child;
#[cfg(test)]
mod run_events;
#[cfg(test)]
mod run_outlook;
#[cfg(test)]
mod scan;
#[cfg(test)]
mod scan_finds_leaks;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod second_provider;
#[cfg(test)]
mod services;
#[cfg(test)]
mod shell;
#[cfg(test)]
mod sleep;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod store_use;
#[cfg(test)]
mod stream;
#[cfg(test)]
mod tls_refusals;
#[cfg(test)]
mod told_to_end;
#[cfg(test)]
mod tray;
#[cfg(test)]
mod tray_figures;
#[cfg(test)]
mod tray_menu;
#[cfg(test)]
mod tray_pictures;
#[cfg(test)]
mod tripwire;
#[cfg(test)]
mod try_it;
#[cfg(test)]
mod two_agents;
#[cfg(test)]
mod wait;
#[cfg(test)]
mod watcher;
#[cfg(test)]
mod windows_agent;
#[cfg(test)]
mod windows_tray;
#[cfg(test)]
mod witnessed;
#[cfg(test)]
mod world;
#[cfg(test)]
mod wrong_config;
