package main

import (
	"net/netip"
	"slices"
	"strings"

	"sealpost/cmd/sealpost/proxyproto"
	"sealpost/config"
)

// balancers are who says by the PROXY protocol who came to them.
func balancers(c config.Config) proxyproto.Balancers {
	var all proxyproto.Balancers
	for _, network := range c.Listen.Balancers {
		all = append(all, netip.MustParsePrefix(network)) // config has looked
	}
	return all
}

// fewAddresses is how many of the internet's addresses a network of balancers may have before
// somebody is told of it, in bits.
const fewAddresses = 8

// balancersFinding says who is believed about where others come from.
func balancersFinding(c config.Config) (f finding, on bool) {
	f = finding{Name: "balancers", State: well, Text: "say who comes, by the PROXY protocol: " + strings.Join(c.Listen.Balancers, ", ")}
	wide := slices.IndexFunc(balancers(c), func(p netip.Prefix) bool { return public(p.Addr()) && p.Addr().BitLen()-p.Bits() > fewAddresses })
	if wide >= 0 {
		f.State = warn
		f.Text = "whoever has an address of " + c.Listen.Balancers[wide] + " may say that he is anybody"
		f.Fix = "name the addresses of your balancers alone in listen.proxy_protocol_from"
	}
	return f, len(c.Listen.Balancers) > 0
}
