// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Creates the maps of the TLS probes. */
#include "common/tls_maps.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";
