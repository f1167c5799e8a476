//! The statistics page of a proxy: whether a request asks for it, and may.
//!
//! In: a request whose `http-request` rules are done. Out: the page, a refusal, or nothing. A proxy has
//! it where `stats` lines say so; it is found by what its URI begins with, whatever the host's name is.

use super::{Did, Flow, Walk, Watch};
use crate::config::plan::StatsPage;
use crate::rules::action::Ruleset;
use crate::rules::answer;
use crate::rules::ending::Cause;
use crate::rules::fetch::auth;
use crate::rules::target::Target;
use crate::rules::walk::Decision;

/// Where the page is if `stats uri` does not say.
pub const DEFAULT_URI: &str = "/haproxy?stats";

/// What a browser shows if `stats realm` does not say.
const DEFAULT_REALM: &str = "HAProxy Statistics";

impl Walk<'_> {
    /// The page of the current proxy, or what keeps the client from it; `None` if it is not asked for.
    pub(super) fn page<W: Watch>(&mut self, watch: &mut W) -> Option<Flow> {
        let page = self.plan.proxies.get(self.proxy)?.settings.stats.as_ref()?;
        if !self.asks_for(page) {
            return None;
        }
        let program = self.program.proxy(self.proxy);
        if !program.stats_rules.is_empty()
            && let end @ Flow::End(_) =
                self.run_list(&program.stats_rules, Ruleset::HttpRequest, watch)
        {
            return Some(end);
        }
        self.exchange.last_rule = Some(page.span);
        self.end_by(Cause::Local);
        let users = page.auth.iter().map(|it| (&*it.value.name, &*it.value.password));
        if !page.auth.is_empty() && !auth::is_one_of(&self.context(), users) {
            let realm = page.realm.as_ref().map_or(DEFAULT_REALM, |it| &it.value);
            let answer = answer::challenge(realm, self.program, &self.context());
            return Some(Flow::End(Decision::Answer(answer)));
        }
        if W::ACTIVE && !program.stats_admin.is_empty() {
            watch.list(self, "stats admin", program.stats_admin.rules.len());
        }
        let admin = self.next(&program.stats_admin, 0, watch).is_some();
        if admin {
            watch.did(self, Did::Set("the page may change servers".to_owned()));
        }
        Some(Flow::End(Decision::Statistics { proxy: self.proxy, admin }))
    }

    fn asks_for(&self, page: &StatsPage) -> bool {
        let Some(request) = &self.request else { return false };
        let view = request.view();
        if !matches!(view.method(), b"GET" | b"HEAD" | b"POST") {
            return false;
        }
        let uri = page.uri.as_ref().map_or(DEFAULT_URI, |it| &it.value);
        let target = match uri.starts_with('/') {
            true => Target::of(view.target()).path_and_query(),
            false => view.target(),
        };
        // As in HAProxy: whatever begins so, `/reporting` with `/report`.
        target.starts_with(uri.as_bytes())
    }
}
