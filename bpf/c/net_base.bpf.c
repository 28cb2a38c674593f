// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Creates the network sensor's maps. */
#include "common/net_maps.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";
