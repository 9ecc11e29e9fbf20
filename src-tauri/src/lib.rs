//! The window: a client of the local API like the command line. The page it shows asks by the commands
//! below, each one call of a route; no token, refresh token or capability ever reaches the page. The
//! program ends when its window is closed, and all of WebKit's memory goes with it.
//!
//! 1. `line`: what can be typed, and how an end is told
//! 2. `single`: one window a desktop; a second start raises the first
//! 3. `view`: the window itself, and which page it shows; `place`: where it stood last time
//! 4. `follow`: what happens in the agent, told to the page as it happens
//! 5. `commands/`: what the page may ask for; `refusal`: how a no is told; `logins`: what of the config
//!    it is not shown

mod commands;
mod follow;
mod line;
mod logins;
mod place;
mod refusal;
#[cfg_attr(windows, path = "single/windows.rs")]
#[cfg_attr(unix, path = "single/unix.rs")]
mod single;
mod view;

use std::ffi::OsString;
use std::process::ExitCode;

use dagpass_client::panel::View;
use tauri::RunEvent;

use line::Asked;
use single::Claim;

/// Runs until the window is closed; the first argument is the program's own name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let asked = match line::parse(args) {
        Ok(Asked::Window(view)) => view,
        Ok(Asked::Text(text)) => return line::tell(&text),
        Err(why) => return line::fail(2, &why),
    };
    let claim = match single::claim(asked) {
        Ok(Claim::Raised) => return line::opened(),
        Ok(claim) => claim,
        Err(why) => return line::fail(1, &why),
    };
    let ended = match view::desktop() {
        Ok(()) => window(claim, asked),
        Err(why) => Err(why),
    };
    single::release();
    match ended {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(why) => line::fail(1, &why),
    }
}

fn window(claim: Claim, first: Option<View>) -> Result<i32, String> {
    let builder = tauri::Builder::default().invoke_handler(tauri::generate_handler![
        commands::about::about,
        commands::about::copy,
        commands::about::qr,
        commands::agent::login_item,
        commands::agent::pause,
        commands::agent::resume,
        commands::agent::set_login_item,
        commands::agent::start_agent,
        commands::agent::unlock,
        commands::approvals::answer_approval,
        commands::approvals::approvals,
        commands::approvals::revoke_approval,
        commands::config::config,
        commands::config::discover,
        commands::config::edit_config,
        commands::config::save_config,
        commands::leases::leases,
        commands::leases::revoke_lease,
        commands::leases::sign_out_everywhere,
        commands::look::activity,
        commands::look::airflow_connections,
        commands::look::doctor,
        commands::look::roles,
        commands::look::status,
        commands::look::try_it,
        commands::sandbox::start_sandbox,
        commands::sign_in::cancel_sign_in,
        commands::sign_in::open_sign_in_page,
        commands::sign_in::paste_callback,
        commands::sign_in::sign_in,
        commands::sign_in::sign_out,
    ]);
    let app = single::plugged(builder)
        .manage(commands::sign_in::SignIns::default())
        .manage(commands::about::Copied::default())
        .setup(move |app| {
            view::open(app.handle(), first)?;
            single::attend(app.handle(), claim)?;
            follow::begin(app.handle())?;
            line::say_open()?;
            Ok(())
        })
        .build(tauri::generate_context!())
        .map_err(|error| format!("the window cannot be made: {error}"))?;
    Ok(app.run_return(|app, event| {
        if let RunEvent::Exit = event {
            commands::about::hand_over(app);
        }
    }))
}
