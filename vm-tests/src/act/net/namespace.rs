//! A network namespace of the act's own: addresses that are nobody else's, whose points nobody else adds to, and nothing that leaves the machine.

use std::{
    io::Error as Os,
    mem::zeroed,
    net::{Ipv4Addr, UdpSocket},
    os::fd::AsRawFd,
};

use crate::error::{Context, Error, Result};

/// Enters one in which loopback is up and has these addresses too. What this process starts from now on is there as well.
pub fn enter(addresses: &[Ipv4Addr]) -> Result<()> {
    // SAFETY: it has no say in memory; threads that are there already stay where they are, and none is.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
        return Err(Error(format!("unshare: {}", Os::last_os_error())));
    }
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).context("socket")?;
    let mut up = request("lo");
    up.ifr_ifru.ifru_flags = libc::IFF_UP as i16;
    control(&socket, libc::SIOCSIFFLAGS, &up)?;
    for (n, address) in addresses.iter().enumerate() {
        let mut alias = request(&format!("lo:{n}"));
        alias.ifr_ifru.ifru_addr = generic(*address);
        control(&socket, libc::SIOCSIFADDR, &alias)?;
    }
    Ok(())
}

fn request(name: &str) -> libc::ifreq {
    // SAFETY: a structure of integers; all zero is valid.
    let mut request: libc::ifreq = unsafe { zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request
}

fn control(socket: &UdpSocket, what: libc::Ioctl, request: &libc::ifreq) -> Result<()> {
    // SAFETY: both requests read a struct ifreq, which is borrowed until the call returns.
    match unsafe { libc::ioctl(socket.as_raw_fd(), what, std::ptr::from_ref(request)) } {
        0 => Ok(()),
        _ => Err(Error(format!("loopback: {}", Os::last_os_error()))),
    }
}

/// A `sockaddr_in` as a `sockaddr`: two bytes for the port come first in what the latter calls data.
fn generic(address: Ipv4Addr) -> libc::sockaddr {
    // SAFETY: a structure of integers; all zero is valid.
    let mut generic: libc::sockaddr = unsafe { zeroed() };
    generic.sa_family = libc::AF_INET as libc::sa_family_t;
    for (to, from) in generic.sa_data[2..6].iter_mut().zip(address.octets()) {
        *to = from as libc::c_char;
    }
    generic
}
