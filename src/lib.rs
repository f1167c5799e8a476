//! Koi: a reverse proxy that reads HAProxy's configuration and moves its own addresses by CARP.
#![forbid(unsafe_code)]
