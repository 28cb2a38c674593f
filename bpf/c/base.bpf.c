// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Creates the shared maps, and gives Rust the types of the wire format. */
#include "common/maps.h"
#include "common/pending_map.h"
#include "common/watch_maps.h"
#include "lw_tls.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Never read: a type reaches the skeleton only through a variable. */
struct lw_types {
	enum lw_kind kind;
	enum lw_sensor sensor;
	enum lw_stage stage;
	enum lw_field field;
	enum lw_abi abi;
	enum lw_flavour flavour;
	enum lw_op op;
	enum lw_process_flag process_flag;
	enum lw_file_flag file_flag;
	enum lw_want want;
	struct lw_fork fork;
	struct lw_exec exec;
	struct lw_snapshot snapshot;
	struct lw_exec_failure exec_failure;
	struct lw_credentials credentials;
	struct lw_exit exit;
	struct lw_file file;
	struct lw_config config;
	struct lw_file_rules file_rules;
	struct lw_entry_key entry_key;
	struct lw_watch watch;
	struct lw_node node;
	struct lw_file_key file_key;
	enum lw_change change;
	enum lw_direction direction;
	enum lw_way way;
	enum lw_net_mode net_mode;
	enum lw_net_flag net_flag;
	struct lw_flow flow;
	struct lw_segment segment;
	struct lw_net_rules net_rules;
	struct lw_net_name net_name;
	struct lw_net_path net_path;
	struct lw_tls tls;
	struct lw_tls_thread tls_thread;
	struct lw_tls_key tls_key;
	struct lw_tls_conn tls_conn;
	enum lw_tls_tally tls_tally;
};
const volatile struct lw_types lw_types = {};
