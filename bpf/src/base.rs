//! The base objects: the maps that programs share. They are loaded first, and the others get their maps by name. The network sensor's are
//! only made when a rule needs them.

use std::os::fd::AsFd;

use lapwing_engine::event::Sensor;
use libbpf_rs::{
    Map, MapCore, MapFlags, MapHandle, MapType, Object, ObjectBuilder, OpenObject, libbpf_sys::bpf_map_create_opts,
    num_possible_cpus,
};

use crate::{
    cost,
    object::{SOURCES, Source},
    options::Options,
    wire::{bytes_of, lw_config, lw_sensor, lw_stage},
};

/// The network sensor's table.
pub(crate) const CONNECTIONS: &str = "lw_conns";

/// The TLS probes' table, and its entries where connections may be more.
const TLS_CONNECTIONS: &str = "lw_tls_conns";
const MOST_TLS: u32 = 16384;

/// The loaded base objects and their rings.
pub(crate) struct Base {
    objects: Vec<Object>,
    cpus: u32,
    /// The rings, with the sensor that each belongs to.
    pub rings: Vec<(Sensor, MapHandle)>,
}

impl Base {
    /// Creates the shared maps.
    pub fn load(options: &Options) -> libbpf_rs::Result<Base> {
        let mut base = Base {
            objects: Vec::new(),
            cpus: u32::try_from(num_possible_cpus()?).unwrap_or(1),
            rings: Vec::new(),
        };
        base.add("base", None)?;
        base.add_ring(Sensor::Process, "lw_ring_process", options.lifecycle_ring)?;
        base.add_ring(Sensor::File, "lw_ring_file", options.file_ring)?;
        Ok(base)
    }

    /// Creates the maps of the network sensor, unless they are there; true when they are new.
    pub fn add_network(&mut self, options: &Options) -> libbpf_rs::Result<bool> {
        if self.map(CONNECTIONS).is_some() {
            return Ok(false);
        }
        let before = self.objects.len();
        let made = self
            .add("net_base", Some((CONNECTIONS, options.connections)))
            .and_then(|()| self.add_ring(Sensor::Network, "lw_ring_network", options.network_ring));
        if made.is_err() {
            // All or none: half of them would pass for all the next time.
            self.objects.truncate(before);
        }
        made.map(|()| true)
    }

    /// Creates the maps of the TLS probes, unless they are there. The network sensor's must be.
    pub fn add_tls(&mut self, options: &Options) -> libbpf_rs::Result<()> {
        if self.map(TLS_CONNECTIONS).is_some() {
            return Ok(());
        }
        let most = options.connections.min(MOST_TLS);
        self.add("tls_base", Some((TLS_CONNECTIONS, most)))
    }

    /// Loads an object that only has maps; one of them may be sized.
    fn add(&mut self, source: &str, sized: Option<(&str, u32)>) -> libbpf_rs::Result<()> {
        let elf = SOURCES.iter().find(|s| s.name == source).map(Source::elf);
        let mut open = ObjectBuilder::default().open_memory(elf.unwrap_or_default())?;
        for mut map in open.maps_mut() {
            if map.map_type() == MapType::ArrayOfMaps && map.name().to_string_lossy().starts_with("lw_ring_") {
                map.set_max_entries(self.cpus)?;
            }
            if let Some((name, entries)) = sized
                && map.name() == name
            {
                map.set_max_entries(entries)?;
            }
        }
        self.share(&mut open)?;
        self.objects.push(open.load()?);
        Ok(())
    }

    /// Makes a ring and puts it into every slot of its array.
    fn add_ring(&mut self, sensor: Sensor, name: &str, size: u32) -> libbpf_rs::Result<()> {
        let ring = create_ring(name, size)?;
        if let Some(outer) = self.map(name) {
            for cpu in 0..self.cpus {
                outer.update(&cpu.to_ne_bytes(), &fd_bytes(&ring), MapFlags::ANY)?;
            }
        }
        self.rings.push((sensor, ring));
        Ok(())
    }

    /// Gives an object that is not loaded yet every map that it shares with the base.
    pub fn share(&self, open: &mut OpenObject) -> libbpf_rs::Result<()> {
        for mut theirs in open.maps_mut() {
            if theirs.map_type() == MapType::Unknown || theirs.name().to_string_lossy().contains('.') {
                continue;
            }
            if let Some(ours) = self.maps().find(|m| m.name() == theirs.name()) {
                theirs.reuse_fd(ours.as_fd())?;
            }
        }
        Ok(())
    }

    /// A shared map.
    pub fn map(&self, name: &str) -> Option<Map<'_>> {
        self.maps().find(|m| m.name() == name)
    }

    /// Tells the hooks what userspace wants of them.
    pub fn configure(&self, config: &lw_config) -> libbpf_rs::Result<()> {
        match self.map("lw_settings") {
            Some(settings) => settings.update(&0u32.to_ne_bytes(), bytes_of(config), MapFlags::ANY),
            None => Ok(()),
        }
    }

    /// A counter, summed over the CPUs.
    pub fn count(&self, sensor: lw_sensor, stage: lw_stage) -> u64 {
        let slot = (sensor.0 * lw_stage::LW_STAGES.0 + stage.0).to_ne_bytes();
        let per_cpu = self
            .map("lw_counts")
            .and_then(|counts| counts.lookup_percpu(&slot, MapFlags::ANY).ok().flatten());
        cost::sum(&per_cpu.unwrap_or_default())
    }

    /// All shared maps.
    pub fn maps(&self) -> impl Iterator<Item = Map<'_>> {
        self.objects.iter().flat_map(|object| object.maps())
    }
}

fn create_ring(name: &str, size: u32) -> libbpf_rs::Result<MapHandle> {
    let options = bpf_map_create_opts {
        sz: size_of::<bpf_map_create_opts>() as u64,
        ..Default::default()
    };
    MapHandle::create(MapType::RingBuf, Some(name), 0, 0, size, &options)
}

fn fd_bytes(map: &MapHandle) -> [u8; 4] {
    use std::os::fd::AsRawFd;
    map.as_fd().as_raw_fd().to_ne_bytes()
}
