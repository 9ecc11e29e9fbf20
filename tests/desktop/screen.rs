//! A screen of one's own: an X server with a window manager. Says which windows there are, which is in
//! front, and what is drawn.

use std::path::Path;
use std::process::{Command, Stdio};

use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConnectionExt as _, CreateWindowAux, EventMask, ImageFormat,
    Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::wait::until;
use crate::world::{Process, World};

/// Where Debian keeps what answers for Xfce's settings; without it the window manager does not start.
const XFCONFD: &str = "/usr/lib/x86_64-linux-gnu/xfce4/xfconf/xfconfd";
const WIDTH: u16 = 1400;
const HEIGHT: u16 = 1000;
/// A prime, so that every column has its turn.
const SAMPLED: usize = 13;

#[derive(Debug)]
pub(crate) struct Screen {
    name: String,
    x11: RustConnection,
    root: Window,
    _manager: Process,
    _settings: Process,
    _server: Process,
}

impl Screen {
    /// From now on every program of the world has it.
    pub(crate) fn start(world: &World) -> Self {
        let mut server = Command::new("Xvfb");
        server.args(["-displayfd", "1", "-nolisten", "tcp", "-noreset", "-screen", "0"]);
        server.arg(format!("{WIDTH}x{HEIGHT}x24")).stdin(Stdio::null());
        let server = Process::spawn("Xvfb", &mut server);
        let number = server.stdout.wait_for("number of the screen", |text| {
            text.split_once('\n').map(|(number, _)| number.trim().to_owned())
        });
        let name = format!(":{number}");
        world.set("DISPLAY", &name);
        // No graphics card, and no bus for screen readers, that could be waited for.
        world.set("LIBGL_ALWAYS_SOFTWARE", "1");
        world.set("NO_AT_BRIDGE", "1");
        let (x11, number) = x11rb::connect(Some(&name)).unwrap();
        let root = x11.setup().roots[number].root;
        let settings = Process::spawn("xfconfd", &mut world.command(Path::new(XFCONFD)));
        let manager = Process::spawn("xfwm4", world.command("xfwm4").arg("--compositor=off"));
        let screen =
            Self { name, x11, root, _manager: manager, _settings: settings, _server: server };
        until("the window manager", || {
            (!screen.windows(root, "_NET_SUPPORTING_WM_CHECK").is_empty()).then_some(())
        });
        screen
    }

    /// The windows of the panel, lowest first.
    pub(crate) fn panels(&self) -> Vec<Window> {
        let all = self.stacked();
        all.into_iter().filter(|window| self.class(*window).contains("dagpass-panel")).collect()
    }

    /// Every program's window, lowest first: the order of the frames that the window manager puts
    /// round them. (xfwm4 does not always say it by itself.)
    pub(crate) fn stacked(&self) -> Vec<Window> {
        let known = self.windows(self.root, "_NET_CLIENT_LIST");
        let mut found = Vec::new();
        for frame in self.children(self.root) {
            let within = std::iter::once(frame).chain(self.children(frame));
            found.extend(within.filter(|window| known.contains(window)));
        }
        found
    }

    /// Lowest first.
    fn children(&self, of: Window) -> Vec<Window> {
        // It may have gone in between.
        let tree = self.x11.query_tree(of).unwrap().reply();
        tree.map(|tree| tree.children).unwrap_or_default()
    }

    pub(crate) fn active(&self) -> Option<Window> {
        self.windows(self.root, "_NET_ACTIVE_WINDOW").first().copied().filter(|one| *one != 0)
    }

    /// Another program's window over the whole screen, as a person's browser may be.
    pub(crate) fn cover(&self) -> Window {
        let window = self.x11.generate_id().unwrap();
        let looks = CreateWindowAux::new().background_pixel(0x0040_6080);
        let (class, visual) = (WindowClass::INPUT_OUTPUT, 0);
        let drawn = self.x11.create_window(
            x11rb::COPY_DEPTH_FROM_PARENT,
            window,
            self.root,
            0,
            0,
            WIDTH,
            HEIGHT,
            0,
            class,
            visual,
            &looks,
        );
        drawn.unwrap().check().unwrap();
        self.x11.map_window(window).unwrap().check().unwrap();
        until("the other window in front", || {
            (self.stacked().last() == Some(&window)).then_some(())
        });
        window
    }

    /// As a click on the title bar's cross does.
    pub(crate) fn close(&self, window: Window) {
        let kind = self.atom("_NET_CLOSE_WINDOW");
        let message = ClientMessageEvent::new(32, window, kind, [0, 2, 0, 0, 0]);
        let mask = EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY;
        self.x11.send_event(false, self.root, mask, message).unwrap().check().unwrap();
    }

    /// Place and size within the screen.
    pub(crate) fn place(&self, window: Window) -> (i16, i16, u16, u16) {
        let size = self.x11.get_geometry(window).unwrap().reply().unwrap();
        let at = self.x11.translate_coordinates(window, self.root, 0, 0).unwrap().reply().unwrap();
        (at.dst_x, at.dst_y, size.width, size.height)
    }

    /// What is seen there, as a file.
    pub(crate) fn picture(&self, window: Window, file: &Path) {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let mut import = Command::new("import");
        import.args(["-display", &self.name, "-window", &window.to_string()]);
        Process::spawn("import", import.arg(file)).ended().expect(0);
    }

    /// How many colours are seen there: a page that is drawn has letters, with all their shades.
    pub(crate) fn colours(&self, window: Window) -> usize {
        let (x, y, width, height) = self.place(window);
        let inside = |at: i16, most: u16| u16::try_from(at).unwrap_or(0).min(most - 1);
        let (x, y) = (inside(x, WIDTH), inside(y, HEIGHT));
        let (width, height) = (width.min(WIDTH - x), height.min(HEIGHT - y));
        let (x, y) = (i16::try_from(x).unwrap(), i16::try_from(y).unwrap());
        let image = self
            .x11
            .get_image(ImageFormat::Z_PIXMAP, self.root, x, y, width, height, !0)
            .unwrap()
            .reply()
            .unwrap();
        // One in so many, so that looking does not take the time of what is looked at.
        let some = image.data.chunks_exact(4).step_by(SAMPLED);
        some.map(|pixel| [pixel[0], pixel[1], pixel[2]])
            .collect::<std::collections::BTreeSet<_>>()
            .len()
    }

    fn class(&self, window: Window) -> String {
        let kind = AtomEnum::WM_CLASS;
        let asked = self.x11.get_property(false, window, kind, AtomEnum::STRING, 0, 256);
        let reply = asked.unwrap().reply();
        // It may have gone in between.
        reply.map(|it| String::from_utf8_lossy(&it.value).into_owned()).unwrap_or_default()
    }

    fn windows(&self, of: Window, name: &str) -> Vec<Window> {
        let kind = self.atom(name);
        let asked = self.x11.get_property(false, of, kind, AtomEnum::WINDOW, 0, 4096);
        let reply = asked.unwrap().reply().unwrap();
        reply.value32().map(Iterator::collect).unwrap_or_default()
    }

    fn atom(&self, name: &str) -> u32 {
        self.x11.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom
    }

    /// What was sent has arrived.
    pub(crate) fn sync(&self) {
        self.x11.sync().unwrap();
    }
}
