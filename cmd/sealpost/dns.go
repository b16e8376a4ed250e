package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sealpost/config"
)

type dnsGroup struct {
	Check   dnsCheckCommand   `cmd:"" help:"Compare what the DNS should say of this server with what the world sees."`
	Records dnsRecordsCommand `cmd:"" help:"Print every DNS record a domain needs, as a zone file."`
}

type dnsRecordsCommand struct {
	settingsFile
	Domain string `arg:"" optional:"" help:"One domain; without it, all of them."`
}

func (cmd dnsRecordsCommand) Run(ctx context.Context, c console) error {
	settings, err := config.Load(cmd.Config)
	if err != nil {
		return err
	}
	return cmd.in(ctx, c, settings, theWorld(settings.DNS))
}

func (cmd dnsRecordsCommand) in(ctx context.Context, c console, settings config.Config, w world) error {
	domains, err := chosen(settings, cmd.Domain)
	if err != nil {
		return err
	}
	for i, d := range domains {
		p, err := newPlan(ctx, settings, d, addressesOf(ctx, settings.Hostname, w))
		if err != nil {
			return err
		}
		if i > 0 {
			fmt.Fprintln(c.Out)
		}
		if _, err := fmt.Fprint(c.Out, p.zone(w.now())); err != nil {
			return err
		}
	}
	return nil
}

type dnsCheckCommand struct {
	settingsFile
	Domain string `arg:"" optional:"" help:"One domain; without it, all of them."`
	JSON   bool   `name:"json" help:"Print everything that was looked at, as JSON."`
}

func (cmd dnsCheckCommand) Help() string {
	return "Asks the resolvers of dns.servers, which may remember an old answer for as long as its TTL says. " +
		"Ends with 1 when something is missing or wrong without which mail does not flow."
}

// errRecords is the end of a check that found something needed missing.
var errRecords = errors.New("the DNS does not say all that it must: see ✗ above")

func (cmd dnsCheckCommand) Run(ctx context.Context, c console) error {
	settings, err := config.Load(cmd.Config)
	if err != nil {
		return err
	}
	return cmd.in(ctx, c, settings, theWorld(settings.DNS))
}

func (cmd dnsCheckCommand) in(ctx context.Context, c console, settings config.Config, w world) error {
	domains, err := chosen(settings, cmd.Domain)
	if err != nil {
		return err
	}
	all, err := checkDNS(ctx, settings, domains, w)
	if err != nil {
		return err
	}
	if cmd.JSON {
		err = printJSON(c.Out, all)
	} else {
		err = printChecked(c, all)
	}
	if err == nil && lacking(all) {
		err = errRecords
	}
	return err
}

func printChecked(c console, all []looked) error {
	var findings []finding
	for _, l := range all {
		findings = append(findings, l.finding())
	}
	printFindings(c.Out, style(c), findings)
	_, err := fmt.Fprintln(c.Out)
	return err
}

// checkDNS looks at the server's own records and at those of some domains.
func checkDNS(ctx context.Context, settings config.Config, domains []string, w world) ([]looked, error) {
	var all []looked
	for i, d := range domains {
		p, err := newPlan(ctx, settings, d, nil)
		if err != nil {
			return nil, err
		}
		check := dnsCheck{plan: p, world: w}
		if i == 0 {
			all = check.host(ctx)
		}
		all = append(all, check.domain(ctx)...)
	}
	return all, nil
}

// chosen is the domain that was named, or all.
func chosen(settings config.Config, name string) ([]string, error) {
	if name == "" {
		return settings.Domains, nil
	}
	at := slices.IndexFunc(settings.Domains, func(d string) bool { return canonical(d) == canonical(name) })
	if at < 0 {
		return nil, fmt.Errorf("%s is not a domain of this server: expected one of %s", name, strings.Join(settings.Domains, ", "))
	}
	return settings.Domains[at : at+1], nil
}

// A hostAddr is a public address where the server is.
type hostAddr struct {
	netip.Addr
	Told bool // by the DNS alone: this machine is behind another, and cannot see it
}

// addressesOf are the public addresses of this machine: of each kind those that the
// server's name has already, or else the one it sends from. The name may still lead to
// another machine; it is believed only where this one has no such address itself.
func addressesOf(ctx context.Context, hostname string, w world) (all []hostAddr) {
	own := w.own()
	var named []netip.Addr
	if a, err := w.dns.IP(ctx, hostname); err == nil {
		named = slices.SortedFunc(slices.Values(a.Records), netip.Addr.Compare)
	}
	for _, bits := range []int{32, 128} {
		all = append(all, placesOf(ofLength(own, bits), ofLength(named, bits), len(own) == 0 || bits == 32, w.has)...)
	}
	return all
}

// placesOf picks from the addresses of one kind.
func placesOf(own, named []netip.Addr, behind bool, has func(netip.Addr) bool) (all []hostAddr) {
	for _, ip := range named {
		if len(own) > 0 && has(ip) || len(own) == 0 && behind {
			all = append(all, hostAddr{ip, len(own) == 0})
		}
	}
	if len(all) == 0 {
		for _, ip := range own {
			all = append(all, hostAddr{Addr: ip})
		}
	}
	return all
}

// ofLength are the public addresses of one kind, by their length in bits.
func ofLength(all []netip.Addr, bits int) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(all), func(ip netip.Addr) bool { return ip.BitLen() != bits || !public(ip) })
}
