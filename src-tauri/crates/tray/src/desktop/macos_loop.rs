//! The event loop of macOS, without which it shows no icon.

use std::sync::mpsc::Receiver;

use tao::event::Event;
use tao::event_loop::{ControlFlow, EventLoopBuilder};
use tao::platform::run_return::EventLoopExtRunReturn as _;

use crate::show::{Failed, OnAction, Tray};
use crate::view::View;

enum Told {
    Show(View),
    End,
}

pub(crate) fn run(views: Receiver<View>, act: OnAction) -> Result<(), Failed> {
    let mut events = EventLoopBuilder::<Told>::with_user_event().build();
    let proxy = events.create_proxy();
    std::thread::spawn(move || {
        for view in views {
            if proxy.send_event(Told::Show(view)).is_err() {
                return;
            }
        }
        // A loop that is gone needs no end.
        drop(proxy.send_event(Told::End));
    });
    let mut act = Some(act);
    let mut tray: Option<Tray> = None;
    let mut ended = Ok(());
    events.run_return(|event, _, flow| {
        *flow = ControlFlow::Wait;
        let Event::UserEvent(told) = event else { return };
        let shown = match (told, &mut tray, act.take()) {
            (Told::End, ..) => {
                *flow = ControlFlow::Exit;
                return;
            }
            (Told::Show(view), Some(tray), _) => tray.show(view),
            (Told::Show(view), None, Some(act)) => {
                Tray::new(view, act).map(|made| tray = Some(made))
            }
            (Told::Show(_), None, None) => return,
        };
        if let Err(failed) = shown {
            ended = Err(failed);
            *flow = ControlFlow::Exit;
        }
    });
    ended
}
