//! What can be asked of the agent, and which kinds of caller may ask it. Each row of the route table
//! names one of these.

/// One thing that a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    Token,
    Connection,
    Try,
    Roles,
    ShowStatus,
    FollowEvents,
    ShowActivity,
    ShowConnectionIds,
    ShowConnections,
    ShowConfig,
    ShowDoors,
    ShowLoginItem,
    Examine,
    Discover,
    PreviewConfig,
    WriteConfig,
    SignIn,
    FinishSignIn,
    SignOut,
    Purge,
    ShowClients,
    ChangeClient,
    Unlock,
    UseStore,
    BeginRun,
    EndRun,
    TellOfRun,
    AskOutlook,
    OpenDoor,
    CloseDoor,
    BeginRelay,
    Pause,
    Resume,
    Stop,
    SetLoginItem,
    MakeEvidence,
    PruneLedger,
    ShowApprovals,
    Approve,
    RevokeApproval,
    ShowLeases,
    RevokeLease,
    ShowPolicy,
    BreakGlass,
    TellOfLeak,
    Proxy,
    EnterProxy,
    ShowProxy,
}

/// How is an action put on the record?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// It changes nothing and yields no secret: many are one line.
    Look,
    /// It is judged by what the request names, and recorded with that.
    Named,
    /// A line before it is done.
    Deed,
}

impl Action {
    pub const ALL: &[Self] = Rights::EVERYTHING;

    /// The ledger's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Connection => "connection",
            Self::Try => "try",
            Self::Roles => "roles",
            Self::ShowStatus => "show-status",
            Self::FollowEvents => "follow-events",
            Self::ShowActivity => "show-activity",
            Self::ShowConnectionIds => "show-connection-ids",
            Self::ShowConnections => "show-connections",
            Self::ShowConfig => "show-config",
            Self::ShowDoors => "show-doors",
            Self::ShowLoginItem => "show-login-item",
            Self::Examine => "examine",
            Self::Discover => "discover",
            Self::PreviewConfig => "preview-config",
            Self::WriteConfig => "write-config",
            Self::SignIn => "sign-in",
            Self::FinishSignIn => "finish-sign-in",
            Self::SignOut => "sign-out",
            Self::Purge => "purge",
            Self::ShowClients => "show-clients",
            Self::ChangeClient => "change-client",
            Self::Unlock => "unlock",
            Self::UseStore => "use-store",
            Self::BeginRun => "begin-run",
            Self::EndRun => "end-run",
            Self::TellOfRun => "tell-of-run",
            Self::AskOutlook => "ask-outlook",
            Self::OpenDoor => "open-door",
            Self::CloseDoor => "close-door",
            Self::BeginRelay => "begin-relay",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Stop => "stop",
            Self::SetLoginItem => "set-login-item",
            Self::MakeEvidence => "make-evidence",
            Self::PruneLedger => "prune-ledger",
            Self::ShowApprovals => "show-approvals",
            Self::Approve => "approve",
            Self::RevokeApproval => "revoke-approval",
            Self::ShowLeases => "show-leases",
            Self::RevokeLease => "revoke-lease",
            Self::ShowPolicy => "show-policy",
            Self::BreakGlass => "break-glass",
            Self::TellOfLeak => "tell-of-leak",
            Self::Proxy => "proxy",
            Self::EnterProxy => "enter-proxy",
            Self::ShowProxy => "show-proxy",
        }
    }

    /// What no policy closes, so that nobody is locked out by one: to see what stands and what is wrong, to
    /// take back what was given, and to end it all. Our own rules hold for it as ever. What a policy closes
    /// besides, the config's own route among it, is mended where its files are.
    pub const fn is_outside_policy(self) -> bool {
        match self {
            Self::ShowStatus
            | Self::FollowEvents
            | Self::Examine
            | Self::SignOut
            | Self::EndRun
            | Self::CloseDoor
            | Self::Purge
            | Self::Pause
            | Self::Stop
            | Self::ShowApprovals
            | Self::RevokeApproval
            | Self::ShowLeases
            | Self::RevokeLease
            | Self::ShowPolicy
            | Self::TellOfLeak => true,
            Self::Token
            | Self::Connection
            | Self::Try
            | Self::Roles
            | Self::ShowActivity
            | Self::ShowConnectionIds
            | Self::ShowConnections
            | Self::ShowConfig
            | Self::ShowDoors
            | Self::ShowLoginItem
            | Self::Discover
            | Self::PreviewConfig
            | Self::WriteConfig
            | Self::SignIn
            | Self::FinishSignIn
            | Self::ShowClients
            | Self::ChangeClient
            | Self::Unlock
            | Self::UseStore
            | Self::BeginRun
            | Self::TellOfRun
            | Self::AskOutlook
            | Self::OpenDoor
            | Self::BeginRelay
            | Self::Resume
            | Self::SetLoginItem
            | Self::MakeEvidence
            | Self::PruneLedger
            | Self::Approve
            | Self::BreakGlass
            | Self::Proxy
            | Self::EnterProxy
            | Self::ShowProxy => false,
        }
    }

    pub const fn weight(self) -> Weight {
        match self {
            Self::Token
            | Self::Connection
            | Self::Try
            | Self::Proxy
            | Self::BeginRun
            | Self::EndRun => Weight::Named,
            // What a run told is a line of its own, with what was served to it; each token that was found, too.
            Self::TellOfRun
            | Self::TellOfLeak
            | Self::Roles
            | Self::ShowStatus
            | Self::FollowEvents
            | Self::ShowActivity
            | Self::ShowConnectionIds
            | Self::ShowConnections
            | Self::ShowConfig
            | Self::ShowDoors
            | Self::ShowLoginItem
            | Self::ShowClients
            | Self::Examine
            | Self::Discover
            | Self::PreviewConfig
            | Self::AskOutlook
            | Self::ShowApprovals
            | Self::ShowLeases
            | Self::ShowPolicy
            | Self::ShowProxy => Weight::Look,
            Self::WriteConfig
            | Self::SignIn
            | Self::FinishSignIn
            | Self::SignOut
            | Self::Purge
            | Self::ChangeClient
            | Self::Unlock
            | Self::UseStore
            | Self::OpenDoor
            | Self::CloseDoor
            | Self::BeginRelay
            | Self::Pause
            | Self::Resume
            | Self::Stop
            | Self::SetLoginItem
            | Self::MakeEvidence
            | Self::PruneLedger
            | Self::Approve
            | Self::RevokeApproval
            | Self::RevokeLease
            | Self::BreakGlass
            | Self::EnterProxy => Weight::Deed,
        }
    }
}

/// What a kind of caller may do at most. None, unless they are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights(&'static [Action]);

impl Rights {
    const EVERYTHING: &[Action] = &[
        Action::Token,
        Action::Connection,
        Action::Try,
        Action::Roles,
        Action::ShowStatus,
        Action::FollowEvents,
        Action::ShowActivity,
        Action::ShowConnectionIds,
        Action::ShowConnections,
        Action::ShowConfig,
        Action::ShowDoors,
        Action::ShowLoginItem,
        Action::Examine,
        Action::Discover,
        Action::PreviewConfig,
        Action::WriteConfig,
        Action::SignIn,
        Action::FinishSignIn,
        Action::SignOut,
        Action::Purge,
        Action::ShowClients,
        Action::ChangeClient,
        Action::Unlock,
        Action::UseStore,
        Action::BeginRun,
        Action::EndRun,
        Action::TellOfRun,
        Action::AskOutlook,
        Action::OpenDoor,
        Action::CloseDoor,
        Action::BeginRelay,
        Action::Pause,
        Action::Resume,
        Action::Stop,
        Action::SetLoginItem,
        Action::MakeEvidence,
        Action::PruneLedger,
        Action::ShowApprovals,
        Action::Approve,
        Action::RevokeApproval,
        Action::ShowLeases,
        Action::RevokeLease,
        Action::ShowPolicy,
        Action::BreakGlass,
        Action::TellOfLeak,
        Action::Proxy,
        Action::EnterProxy,
        Action::ShowProxy,
    ];

    pub const NONE: Self = Self(&[]);
    pub const OWNER: Self = Self(Self::EVERYTHING);
    /// What it does ahead of need.
    pub const AGENT: Self = Self(&[Action::Token, Action::OpenDoor]);
    /// Tokens, what is needed to ask for them, the word of what ran, runs within the run, and to see and give
    /// back what it was handed out itself.
    pub const RUN: Self = Self(&[
        Action::Token,
        Action::Connection,
        Action::ShowStatus,
        Action::ShowConnectionIds,
        Action::TellOfRun,
        Action::BeginRun,
        Action::EndRun,
        Action::ShowLeases,
        Action::RevokeLease,
        Action::Proxy,
    ]);
    /// What is asked for within a lane, by whomever: nothing there is answered or widened, and nobody there
    /// sees or takes back what others were handed out.
    pub const LANE: Self = Self(&[
        Action::Token,
        Action::Connection,
        Action::ShowStatus,
        Action::ShowConnectionIds,
        Action::TellOfRun,
        Action::BeginRun,
        Action::EndRun,
        Action::Proxy,
    ]);
    /// As a run, without runs of its own: the capability of one would be good at the other doors.
    pub const DOOR: Self = Self(&[
        Action::Token,
        Action::Connection,
        Action::ShowStatus,
        Action::ShowConnectionIds,
        Action::TellOfRun,
    ]);

    pub fn include(self, action: Action) -> bool {
        self.0.contains(&action)
    }
}
