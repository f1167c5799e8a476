#![allow(clippy::unwrap_used)]
use super::*;
use crate::net::testing::*;
use crate::net::{Attempt, How, SendError, shutdown};
use std::os::fd::AsFd;

#[test]
fn bytes_pass_from_socket_to_socket() {
    let (from, input) = tcp_pair();
    let (output, to) = tcp_pair();
    let mut pipe = Pipe::new(1 << 17).unwrap();
    assert!(pipe.capacity() >= 4096);
    assert_eq!(pipe.fill_from(input.as_fd(), 100), Err(Attempt::WouldBlock));
    assert_eq!(pipe.drain_to(output.as_fd(), 100, false), Ok(0));
    send_all(&from, b"spliced bytes");
    wait_readable(&input);
    assert_eq!(pipe.fill_from(input.as_fd(), usize::MAX >> 1), Ok(13));
    assert_eq!(pipe.held(), 13);
    assert_eq!(pipe.drain_to(output.as_fd(), 8, true), Ok(8));
    assert_eq!(pipe.drain_to(output.as_fd(), 100, false), Ok(5));
    assert_eq!(pipe.held(), 0);
    let mut got = receive_some(&to).unwrap();
    while got.len() < 13 {
        got.extend(receive_some(&to).unwrap());
    }
    assert_eq!(got, b"spliced bytes");
}

#[test]
fn the_end_of_the_stream_is_zero() {
    let (from, input) = tcp_pair();
    shutdown(from.as_fd(), How::Write).unwrap();
    wait_readable(&input);
    assert_eq!(Pipe::new(0).unwrap().fill_from(input.as_fd(), 100), Ok(0));
}

#[test]
fn a_size_that_the_kernel_refuses_is_not_fatal() {
    let pipe = Pipe::new(usize::MAX).unwrap();
    assert!(pipe.capacity() > 0 && pipe.held() == 0);
}

#[test]
fn a_closed_output_is_broken_and_keeps_the_bytes() {
    crate::guard::ignore_broken_pipe().unwrap();
    let (from, input) = tcp_pair();
    let (output, _to) = tcp_pair();
    send_all(&from, b"lost");
    wait_readable(&input);
    let mut pipe = Pipe::new(4096).unwrap();
    assert_eq!(pipe.fill_from(input.as_fd(), 100), Ok(4));
    shutdown(output.as_fd(), How::Write).unwrap();
    let drained = pipe.drain_to(output.as_fd(), 100, false);
    assert_eq!(drained, Err(Attempt::Failed(SendError::Broken)));
    assert_eq!(pipe.held(), 4);
}
