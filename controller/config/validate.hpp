// Checks over the whole of a Resources value, which no single key can show. PURE.
#pragma once

#include <set>

#include "controller/config/node_facts.hpp"
#include "controller/config/problem.hpp"
#include "controller/config/resources.hpp"
#include "controller/config/yaml_reader.hpp"

namespace adit::config {

/// Fills what is left to adit (tunnel addresses: kept from `before` where the site was there, else
/// the first free one; the IPv6 one always goes with the IPv4 one), then checks: known sites, a
/// target for every host (its own or its site's), targets inside the site's networks or its tunnel
/// address (`direct`: anywhere but unspecified), networks that overlap neither each other across
/// sites, nor the pool, nor the VPS's own; addresses inside the pool's site range and used once;
/// public keys used once and not the node's own; `direct` not redefined; no host on
/// relay.http_port. What a site had in `before` and that clashes with the node as it is by now
/// (node_facts.hpp) is let be: it is no fault of this change. `positions` may be empty. All
/// problems at once, sorted. Resources in `broken` (PartialDocument) have had their problem:
/// neither they nor what depends on them gets a second one.
Checked<Resources> complete_and_validate(Resources wanted, const Resources& before,
                                         const NodeFacts& facts, const SourceMap& positions,
                                         const std::set<std::string>& broken = {});

}  // namespace adit::config
