//! The Secret Service behind keyring-core's traits: items are named by service and user name, as its
//! other store for Linux has it, and lie in the default collection.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use keyring_core::api::{Credential, CredentialApi, CredentialStoreApi};
use keyring_core::{Entry, Error, Result};
use zbus::zvariant::OwnedObjectPath;

use super::secrets::{Attributes, Secrets, Trouble};

/// What libsecret calls an item's kind by.
const SCHEMA: &str = "xdg:schema";

pub(in crate::keychain) struct Store {
    secrets: Arc<Secrets>,
    keeps: Keeps,
}

/// Of several items of the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::keychain) enum Keeps {
    /// What we made ourselves: whoever made the other may write it anew at any time.
    Ours,
    /// The one with attributes of its maker's own, by which that program looks for it.
    Theirs,
}

impl Store {
    pub(in crate::keychain) fn over(secrets: Arc<Secrets>, keeps: Keeps) -> Arc<Self> {
        Arc::new(Self { secrets, keeps })
    }
}

impl CredentialStoreApi for Store {
    fn vendor(&self) -> String {
        "dagpass".to_owned()
    }

    fn id(&self) -> String {
        "Secret Service".to_owned()
    }

    fn build(
        &self,
        service: &str,
        user: &str,
        _modifiers: Option<&HashMap<&str, &str>>,
    ) -> Result<Entry> {
        let (secrets, keeps) = (self.secrets.clone(), self.keeps);
        let (service, user) = (service.to_owned(), user.to_owned());
        Ok(Entry::new_with_credential(Arc::new(Named { secrets, keeps, service, user })))
    }

    fn search(&self, attributes: &HashMap<&str, &str>) -> Result<Vec<Entry>> {
        let found = self.secrets.find(attributes)?;
        if found.locked_away {
            return Err(Trouble::Locked("some items lie in a locked collection".to_owned()).into());
        }
        Ok(entries(&self.secrets, found.items))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn entries(secrets: &Arc<Secrets>, items: Vec<OwnedObjectPath>) -> Vec<Entry> {
    let entry =
        |item| Entry::new_with_credential(Arc::new(Item { secrets: secrets.clone(), item }));
    items.into_iter().map(entry).collect()
}

/// Whatever bears these names: none, one or several.
struct Named {
    secrets: Arc<Secrets>,
    keeps: Keeps,
    service: String,
    user: String,
}

impl Named {
    fn attributes(&self) -> Attributes<'_> {
        HashMap::from([("service", self.service.as_str()), ("username", self.user.as_str())])
    }

    /// How many an item has beside its names. Services add the schema to an item that has none.
    fn attributes_beside(&self, item: &OwnedObjectPath) -> usize {
        let all = self.secrets.attributes(item).unwrap_or_default();
        let names = self.attributes();
        all.keys().filter(|name| *name != SCHEMA && !names.contains_key(name.as_str())).count()
    }

    fn one(&self) -> Result<Item> {
        let mut items = self.secrets.find(&self.attributes())?.items;
        if items.len() > 1 {
            items.sort_by_cached_key(|item| (self.attributes_beside(item), item.to_string()));
            if self.keeps == Keeps::Theirs {
                items.reverse();
            }
            return Err(Error::Ambiguous(entries(&self.secrets, items)));
        }
        let item = items.pop().ok_or(Error::NoEntry)?;
        Ok(Item { secrets: self.secrets.clone(), item })
    }
}

impl CredentialApi for Named {
    fn set_secret(&self, secret: &[u8]) -> Result<()> {
        match self.one() {
            Err(Error::NoEntry) => {
                let label = format!("keyring:{}@{}", self.user, self.service);
                Ok(self.secrets.create(&label, &self.attributes(), secret)?)
            }
            found => found?.set_secret(secret),
        }
    }

    fn get_secret(&self) -> Result<Vec<u8>> {
        self.one()?.get_secret()
    }

    fn delete_credential(&self) -> Result<()> {
        self.one()?.delete_credential()
    }

    fn get_credential(&self) -> Result<Option<Arc<Credential>>> {
        Ok(Some(Arc::new(self.one()?)))
    }

    fn get_specifiers(&self) -> Option<(String, String)> {
        Some((self.service.clone(), self.user.clone()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// One item of the service.
struct Item {
    secrets: Arc<Secrets>,
    item: OwnedObjectPath,
}

impl CredentialApi for Item {
    fn set_secret(&self, secret: &[u8]) -> Result<()> {
        Ok(self.secrets.set(&self.item, secret)?)
    }

    fn get_secret(&self) -> Result<Vec<u8>> {
        Ok(self.secrets.secret(&self.item)?)
    }

    fn delete_credential(&self) -> Result<()> {
        Ok(self.secrets.delete(&self.item)?)
    }

    fn get_credential(&self) -> Result<Option<Arc<Credential>>> {
        Ok(None)
    }

    fn get_specifiers(&self) -> Option<(String, String)> {
        let attributes = self.secrets.attributes(&self.item).ok()?;
        Some((attributes.get("service")?.clone(), attributes.get("username")?.clone()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
