//! What fetches read from the plan: the one place that knows its fields.

use crate::config::plan::{self, Plan, Proxy, Server};

/// A user of a userlist.
#[derive(Clone, Copy, Debug)]
pub struct User<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its password.
    pub password: Password<'a>,
}

/// A user's password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Password<'a> {
    /// None: nobody can be this user.
    None,
    /// In the clear.
    Clear(&'a str),
    /// A crypt(3) hash.
    Hash(&'a str),
}

fn cut(user: &plan::User) -> User<'_> {
    let password = match user.password.as_ref().map(|given| &given.value) {
        None => Password::None,
        Some(plan::Password::Plain(text)) => Password::Clear(text),
        Some(plan::Password::Hashed(hash)) => Password::Hash(hash),
    };
    User { name: &user.name, password }
}

/// The users of a list.
pub fn users(plan: &Plan, list: usize) -> impl Iterator<Item = User<'_>> {
    plan.userlists.get(list).into_iter().flat_map(|list| &list.users).map(cut)
}

/// The user of this name.
pub fn user<'a>(plan: &'a Plan, list: usize, name: &str) -> Option<User<'a>> {
    users(plan, list).find(|user| user.name == name)
}

/// Whether a user is in a group: its own line or the group's says so.
pub fn in_group(plan: &Plan, list: usize, name: &str, group: &str) -> bool {
    let Some(list) = plan.userlists.get(list) else { return false };
    let by_user = list
        .users
        .iter()
        .filter(|user| **user.name == *name)
        .any(|user| user.groups.iter().any(|it| *it.value == *group));
    by_user
        || list
            .groups
            .iter()
            .filter(|it| **it.name == *group)
            .any(|it| it.users.iter().any(|user| *user.value == *name))
}

/// Adds a list with these users.
#[cfg(test)]
pub fn add_users(plan: &mut Plan, list: &str, users: &[(&str, Password<'_>, &[&str])]) {
    use crate::config::plan::{Given, Secret};

    fn given<T>(value: T) -> Given<T> {
        Given { value, span: Default::default() }
    }
    let users = users.iter().map(|&(name, password, groups)| plan::User {
        name: given(name.into()),
        password: match password {
            Password::None => None,
            Password::Clear(text) => Some(given(plan::Password::Plain(Secret(text.into())))),
            Password::Hash(hash) => Some(given(plan::Password::Hashed(Secret(hash.into())))),
        },
        groups: groups.iter().map(|&group| given(group.into())).collect(),
    });
    plan.userlists.push(plan::Userlist {
        name: list.into(),
        users: users.collect(),
        ..Default::default()
    });
}

/// A proxy.
pub fn proxy(plan: &Plan, index: usize) -> Option<&Proxy> {
    plan.proxies.get(index)
}

/// A server.
pub fn server(plan: &Plan, backend: usize, index: usize) -> Option<&Server> {
    proxy(plan, backend)?.servers.get(index)
}

/// The number of the `index`-th thing: the one given, or its place, counted from 1.
fn number(given: Option<u32>, index: usize) -> i64 {
    given.map_or_else(|| i64::try_from(index).map_or(i64::MAX, |index| index + 1), i64::from)
}

/// The number of a proxy.
pub fn proxy_id(plan: &Plan, index: usize) -> Option<i64> {
    Some(number(proxy(plan, index)?.settings.id.map(|id| id.value), index))
}

/// The number of a server.
pub fn server_id(plan: &Plan, backend: usize, index: usize) -> Option<i64> {
    Some(number(server(plan, backend, index)?.id.map(|id| id.value), index))
}

/// The number of a bind.
pub fn bind_id(plan: &Plan, frontend: usize, index: usize) -> Option<i64> {
    Some(number(proxy(plan, frontend)?.binds.get(index)?.id.map(|id| id.value), index))
}

/// The name of a bind, if it has one.
pub fn bind_name(plan: &Plan, frontend: usize, index: usize) -> Option<&str> {
    proxy(plan, frontend)?.binds.get(index)?.name.as_ref().map(|name| &*name.value)
}

/// The name that `default_backend` gives.
pub fn default_backend(plan: &Plan, frontend: usize) -> Option<&str> {
    proxy(plan, frontend)?.front.default_backend.as_ref().map(|name| &*name.value)
}

/// A timeout of a proxy, in milliseconds; 0 if it has none.
pub fn timeout_ms(plan: &Plan, index: usize, which: Timeout) -> Option<i64> {
    let timeouts = &proxy(plan, index)?.settings.timeouts;
    let timeout = match which {
        Timeout::Client => timeouts.client,
        Timeout::Server => timeouts.server,
        Timeout::Tunnel => timeouts.tunnel,
    };
    let timeout_ms = timeout.map_or(0, |timeout| timeout.value.as_millis());
    Some(i64::try_from(timeout_ms).unwrap_or(i64::MAX))
}

/// Which timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// `timeout client`.
    Client,
    /// `timeout server`.
    Server,
    /// `timeout tunnel`.
    Tunnel,
}

/// The weight that a server starts with.
pub fn weight(server: &Server) -> i64 {
    server.settings.weight.map_or(1, |weight| weight.value.into())
}

/// The most requests that a server may have at once; 0 is no limit.
pub fn max_connections(server: &Server) -> i64 {
    server.settings.maxconn.map_or(0, |maxconn| maxconn.value.into())
}

/// The most requests that may wait for a server; 0 is no limit.
pub fn max_queue(server: &Server) -> i64 {
    server.settings.maxqueue.map_or(0, |maxqueue| maxqueue.value.into())
}
