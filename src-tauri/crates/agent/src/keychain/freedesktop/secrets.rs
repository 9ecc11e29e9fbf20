//! What the Secret Service is asked (its API's draft 0.2), and what its refusals mean. The crate carries
//! the session and what is secret in it; what may need a person is asked here, where the prompt is seen.

use std::collections::HashMap;

use dagpass_core::ports::StoreFailure;
use secret_service::blocking::SecretService;
use secret_service::{EncryptionType, Error};
use zbus::DBusError;
use zbus::blocking::Connection;
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value};

use super::prompt;
use crate::keychain::asking::Asking;

pub(super) const SERVICE: &str = "org.freedesktop.secrets";
const ROOT: &str = "/org/freedesktop/secrets";
const SERVICE_API: &str = "org.freedesktop.Secret.Service";
const COLLECTION: &str = "org.freedesktop.Secret.Collection";
const ITEM: &str = "org.freedesktop.Secret.Item";

/// "There is none", where a path belongs.
const NO_PATH: &str = "/";

/// What a secret is said to be.
const CONTENT: &str = "application/octet-stream";

/// What names an item: as few as find it.
pub(super) type Attributes<'a> = HashMap<&'a str, &'a str>;

/// One Secret Service, and our session with it.
pub(in crate::keychain) struct Secrets {
    bus: Connection,
    service: SecretService<'static>,
    asking: Asking,
    encrypted: bool,
}

/// Why it did not do it.
#[derive(Clone, Debug)]
pub(in crate::keychain) enum Trouble {
    /// Nothing on that bus keeps secrets.
    Absent,
    Locked(String),
    Failed(String),
}

/// Items that bear the attributes.
pub(super) struct Found {
    pub(super) items: Vec<OwnedObjectPath>,
    /// Some more lie in a collection that is locked.
    pub(super) locked_away: bool,
}

impl Secrets {
    /// An encrypted session where the service offers one. The plain one that every service has goes
    /// over the person's own bus, on which whoever listens could ask for the secret as well.
    pub(super) fn on(bus: Connection, asking: Asking) -> Result<Self, Trouble> {
        let over = |encryption| SecretService::connect_with_existing(encryption, bus.clone());
        let (service, encrypted) = match over(EncryptionType::Dh).map_err(Trouble::from) {
            Ok(service) => (service, true),
            Err(Trouble::Failed(why)) => {
                tracing::debug!(why, "no encrypted session");
                (over(EncryptionType::Plain)?, false)
            }
            Err(trouble) => return Err(trouble),
        };
        Ok(Self { bus, service, asking, encrypted })
    }

    pub(in crate::keychain) fn caveat(&self) -> Option<&'static str> {
        (!self.encrypted).then_some(
            "the Secret Service offers no encrypted session: secrets cross your session bus in plain",
        )
    }

    /// Two questions that never prompt: any get or set of a locked item does, and with a desktop
    /// blocks until somebody answers.
    pub(in crate::keychain) fn look(&self, item: Option<&Attributes<'_>>) -> Result<(), Trouble> {
        if self.service.get_default_collection()?.is_locked()? {
            return Err(Trouble::Locked("the default collection is locked".to_owned()));
        }
        let Some(attributes) = item else { return Ok(()) };
        let found = self.service.search_items(attributes.clone())?;
        let locked = found.locked.iter().map(|item| &item.item_path);
        if found.unlocked.is_empty() && self.any_locked_away(locked)? {
            return Err(Trouble::Locked("the item lies in a locked collection".to_owned()));
        }
        Ok(())
    }

    /// What is locked in an open collection is kept back until the person lets us have it (KeePassXC
    /// asks so for each item): that is asked here.
    pub(super) fn find(&self, attributes: &Attributes<'_>) -> Result<Found, Trouble> {
        let found = self.service.search_items(attributes.clone())?;
        let mut items: Vec<_> = found.unlocked.iter().map(|item| item.item_path.clone()).collect();
        let mut held_back = Vec::new();
        for item in &found.locked {
            if !self.any_locked_away([&item.item_path])? {
                held_back.push(&item.item_path);
            }
        }
        let locked_away = held_back.len() < found.locked.len();
        if !held_back.is_empty() {
            self.unlock(&held_back)?;
            items.extend(held_back.into_iter().cloned());
        }
        Ok(Found { items, locked_away })
    }

    fn any_locked_away<'a>(
        &self,
        items: impl IntoIterator<Item = &'a OwnedObjectPath>,
    ) -> Result<bool, Trouble> {
        for item in items {
            let collection = item.as_str().rsplit_once('/').map_or(NO_PATH, |(folder, _)| folder);
            let collection = OwnedObjectPath::try_from(collection)?;
            if self.service.get_collection_by_path(collection)?.is_locked()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn attributes(
        &self,
        item: &OwnedObjectPath,
    ) -> Result<HashMap<String, String>, Trouble> {
        Ok(self.service.get_item_by_path(item.clone())?.get_attributes()?)
    }

    pub(super) fn secret(&self, item: &OwnedObjectPath) -> Result<Vec<u8>, Trouble> {
        Ok(self.service.get_item_by_path(item.clone())?.get_secret()?)
    }

    pub(super) fn set(&self, item: &OwnedObjectPath, secret: &[u8]) -> Result<(), Trouble> {
        Ok(self.service.get_item_by_path(item.clone())?.set_secret(secret, CONTENT)?)
    }

    /// Empty at first, so that the secret itself goes in the session that the crate carries, and after
    /// the person's yes. An empty item is none to whoever reads.
    pub(super) fn create(
        &self,
        label: &str,
        attributes: &Attributes<'_>,
        secret: &[u8],
    ) -> Result<(), Trouble> {
        let collection = self.service.get_default_collection()?.collection_path.clone();
        let (_, session): (OwnedValue, OwnedObjectPath) =
            self.ask(ROOT, SERVICE_API, "OpenSession", &("plain", Value::from("")))?;
        let properties: HashMap<&str, Value<'_>> = HashMap::from([
            ("org.freedesktop.Secret.Item.Label", label.into()),
            ("org.freedesktop.Secret.Item.Attributes", attributes.clone().into()),
        ]);
        let nothing = (&session, Vec::<u8>::new(), Vec::<u8>::new(), CONTENT);
        let body = (properties, nothing, false);
        let (item, prompt): (OwnedObjectPath, OwnedObjectPath) =
            self.ask(collection.as_str(), COLLECTION, "CreateItem", &body)?;
        self.close(&session);
        let item = match self.prompted(&prompt)? {
            Some(created) => OwnedObjectPath::try_from(created)?,
            None => item,
        };
        self.set(&item, secret)
    }

    pub(super) fn delete(&self, item: &OwnedObjectPath) -> Result<(), Trouble> {
        let prompt: OwnedObjectPath = self.ask(item.as_str(), ITEM, "Delete", &())?;
        self.prompted(&prompt)?;
        Ok(())
    }

    fn unlock(&self, items: &[&OwnedObjectPath]) -> Result<(), Trouble> {
        let (_, prompt): (Vec<OwnedObjectPath>, OwnedObjectPath) =
            self.ask(ROOT, SERVICE_API, "Unlock", &(items,))?;
        self.prompted(&prompt)?;
        Ok(())
    }

    /// What the prompt gave, where there was one.
    fn prompted(&self, prompt: &ObjectPath<'_>) -> Result<Option<OwnedValue>, Trouble> {
        if prompt.as_str() == NO_PATH {
            return Ok(None);
        }
        prompt::answered(&self.bus, prompt, &self.asking).map(Some)
    }

    fn close(&self, session: &OwnedObjectPath) {
        let closed = self.bus.call_method(
            Some(SERVICE),
            session,
            Some("org.freedesktop.Secret.Session"),
            "Close",
            &(),
        );
        if let Err(error) = closed {
            tracing::debug!(%error, "session not closed");
        }
    }

    fn ask<B, T>(&self, path: &str, interface: &str, method: &str, body: &B) -> Result<T, Trouble>
    where
        B: serde::ser::Serialize + zbus::zvariant::DynamicType,
        T: serde::de::DeserializeOwned + zbus::zvariant::Type,
    {
        let answer = self.bus.call_method(Some(SERVICE), path, Some(interface), method, body)?;
        Ok(answer.body().deserialize()?)
    }
}

impl From<Trouble> for StoreFailure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Absent => Self::Unavailable(
                "no Secret Service on the session bus (gnome-keyring, KWallet and KeePassXC are such)"
                    .to_owned(),
            ),
            Trouble::Locked(why) => Self::Locked(why),
            Trouble::Failed(why) => Self::Unavailable(why),
        }
    }
}

impl From<Trouble> for keyring_core::Error {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Locked(why) => Self::NoStorageAccess(why.into()),
            Trouble::Absent => Self::PlatformFailure("the Secret Service is gone".into()),
            Trouble::Failed(why) => Self::PlatformFailure(why.into()),
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            Error::Zbus(error) => error.into(),
            Error::ZbusFdo(error) => error.into(),
            Error::Unavailable => Self::Absent,
            Error::Locked => Self::Locked("the Secret Service keeps it locked".to_owned()),
            Error::Prompt | Error::PromptDisconnected => {
                Self::Locked("its prompt was dismissed".to_owned())
            }
            Error::NoResult => Self::Failed(
                "the Secret Service has no default collection; make one with your desktop's key manager"
                    .to_owned(),
            ),
            // Neither of these texts quotes what it could not decrypt or decode.
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<zbus::fdo::Error> for Trouble {
    fn from(error: zbus::fdo::Error) -> Self {
        match error {
            zbus::fdo::Error::ZBus(error) => error.into(),
            other => Self::named(&other.name(), other.description().unwrap_or_default()),
        }
    }
}

impl From<zbus::Error> for Trouble {
    fn from(error: zbus::Error) -> Self {
        match error {
            zbus::Error::MethodError(name, text, _) => {
                Self::named(&name, text.as_deref().unwrap_or_default())
            }
            zbus::Error::FDO(error) => (*error).into(),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<zbus::zvariant::Error> for Trouble {
    fn from(error: zbus::zvariant::Error) -> Self {
        Self::Failed(format!("the Secret Service answered in another form: {error}"))
    }
}

impl Trouble {
    /// By the error's D-Bus name. Some services keep their own names for what the API calls `IsLocked`.
    fn named(name: &str, text: &str) -> Self {
        let last = name.rsplit('.').next().unwrap_or_default();
        match last {
            "ServiceUnknown" | "NameHasNoOwner" => Self::Absent,
            "IsLocked" | "Locked" | "CollectionLocked" => {
                Self::Locked("the Secret Service keeps it locked".to_owned())
            }
            "NoSession" => Self::Failed("the Secret Service was started anew".to_owned()),
            _ if text.is_empty() => Self::Failed(format!("the Secret Service answers {last}")),
            _ => Self::Failed(format!("the Secret Service answers {last}: {text}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_a_sentence_and_never_in_the_words_of_the_bus() {
        for (name, text, expected) in [
            (
                "org.freedesktop.Secret.Error.IsLocked",
                "Cannot get secret of a locked object",
                "the keychain is locked: the Secret Service keeps it locked",
            ),
            (
                "org.kde.secretservicecompat.Error.IsLocked",
                "",
                "the keychain is locked: the Secret Service keeps it locked",
            ),
            (
                "org.freedesktop.Secret.Error.NoSession",
                "No such session",
                "no usable keychain: the Secret Service was started anew",
            ),
            (
                "org.freedesktop.DBus.Error.ServiceUnknown",
                "The name is not activatable",
                "no usable keychain: no Secret Service on the session bus (gnome-keyring, KWallet and KeePassXC are such)",
            ),
            (
                "org.freedesktop.DBus.Error.Failed",
                "disk full",
                "no usable keychain: the Secret Service answers Failed: disk full",
            ),
        ] {
            assert_eq!(StoreFailure::from(Trouble::named(name, text)).to_string(), expected);
        }
    }
}
