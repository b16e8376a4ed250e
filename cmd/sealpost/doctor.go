package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"sealpost/config"
)

type doctorCommand struct {
	settingsFile
	JSON  bool `name:"json" help:"Print it as JSON."`
	Local bool `help:"Ask nobody outside this machine."`
	Alive bool `help:"Look only at what a new start could mend, the server, its doors and the disk: a container's health check."`
}

func (cmd doctorCommand) Help() string {
	return "One page: whether mail flows both ways, and if not, why. It asks the running server, every door, the DNS, " +
		"blocklists, a time server, and the mail servers of " + strings.Join(wellKnown, " and ") + ", to which it says hello and goodbye. " +
		"Ends with 1 when something does not work (✗)."
}

// Parts of the page.
const (
	partIn      = "Mail comes in"
	partOut     = "Mail goes out"
	partPeople  = "Keys"
	partShared  = "What nodes share"
	partMachine = "This machine"
)

// errIll is the end of an examination that found something.
var errIll = errors.New("something does not work: see ✗ above")

// A page is what was examined.
type page struct {
	Version  string    `json:"version"`
	Hostname string    `json:"hostname"`
	Verdict  string    `json:"verdict"`
	Findings []finding `json:"findings"`
}

func (cmd doctorCommand) Run(ctx context.Context, c console) error {
	settings, err := config.Load(cmd.Config)
	if err != nil {
		return err
	}
	return cmd.in(ctx, c, settings, theWorld(settings.DNS))
}

func (cmd doctorCommand) in(ctx context.Context, c console, settings config.Config, w world) error {
	p := cmd.examine(ctx, settings, w)
	var err error
	if cmd.JSON {
		err = printJSON(c.Out, p)
	} else {
		l := style(c)
		fmt.Fprintf(c.Out, "%ssealpost %s%s  %s  %s\n", l.heading, p.Version, l.end, p.Hostname, w.now().UTC().Format("2006-01-02 15:04 UTC"))
		printFindings(c.Out, l, p.Findings)
		_, err = fmt.Fprintf(c.Out, "\n%s%s%s\n", l.heading, p.Verdict, l.end)
	}
	if err == nil && ill(p.Findings) {
		err = errIll
	}
	return err
}

// examine asks the network while the machine is looked over.
func (cmd doctorCommand) examine(ctx context.Context, settings config.Config, w world) page {
	f, server, trouble := cmd.server(ctx, settings) // first: it may act as another user for a moment
	var far [3][]finding
	var names, shared []finding
	var asked sync.WaitGroup
	if !cmd.Local && !cmd.Alive {
		asked.Go(func() { far[0] = []finding{w.portOut(ctx, settings.Outbound.Smarthost)} })
		asked.Go(func() { far[1] = []finding{w.listed(ctx, settings)} })
		asked.Go(func() { far[2] = []finding{w.clock(ctx)} })
		asked.Go(func() { shared = sharedFindings(ctx, settings) })
		asked.Go(func() { names = summaryDNS(ctx, settings, w) })
	}
	doors := []finding{server}
	if f, on := balancersFinding(settings); on && !cmd.Alive {
		doors = append(doors, f)
	}
	if f.Running {
		knocked, chain := w.doors(ctx, settings)
		doors = append(append(doors, knocked...), w.certificate(chain, settings))
	}
	asked.Wait()
	all := in(partIn, doors...)
	all = append(append(all, names...), in(partShared, shared...)...)
	all = append(all, in(partOut, append(far[0], far[1]...)...)...)
	machine := append(far[2], machineFindings(settings, f)...)
	if cmd.Alive {
		all = slices.DeleteFunc(all, func(f finding) bool { return f.Name == "certificate" })
		machine = slices.DeleteFunc(machine, func(f finding) bool { return f.Name != "disk" })
	} else if trouble == nil {
		all = append(all, in(partOut, f.queue(w.now()))...)
		all = append(all, in(partPeople, f.keys(w.now())...)...)
	}
	all = arranged(append(all, in(partMachine, machine...)...))
	return page{Version: version(), Hostname: settings.Hostname, Verdict: conclude(all, cmd.Local || cmd.Alive), Findings: all}
}

// server says whether a server runs, and what it knows.
func (cmd doctorCommand) server(ctx context.Context, settings config.Config) (facts, finding, error) {
	g := finding{Name: "server", State: well, Text: "runs"}
	begun := choose(settings.Cluster.On(), clusterMark, "VERSION")
	if _, err := os.Stat(filepath.Join(settings.Data, begun)); errors.Is(err, os.ErrNotExist) {
		g.State, g.Text, g.Fix = bad, "there is no data in "+settings.Data, choose(settings.Cluster.On(), startLine(settings), "sealpost quickstart ADDRESS begins")
		return facts{}, g, err
	}
	f, err := askFacts(ctx, settings)
	switch {
	case err != nil:
		g.State, g.Text = bad, err.Error()
	case !f.Running:
		g.State, g.Text, g.Fix = bad, "does not run", startLine(settings)
	case f.Version != version():
		g.State, g.Text, g.Fix = warn, "runs version "+f.Version, "start it again, and it is "+version()
	}
	return f, g, err
}

// startLine is how a server is started.
func startLine(settings config.Config) string {
	if _, err := os.Stat(unitFile); err == nil && settings.File == "/etc/sealpost/sealpost.toml" {
		return "systemctl start sealpost, and if it does not stay: journalctl -u sealpost"
	}
	return "sealpost serve --config " + quoted(settings.File)
}

// summaryDNS is dns check in short: what keeps mail from flowing, and how much more
// is missing.
func summaryDNS(ctx context.Context, settings config.Config, w world) (all []finding) {
	looks, err := checkDNS(ctx, settings, settings.Domains, w)
	if err != nil {
		return in(partIn, finding{Name: "DNS", State: bad, Text: err.Error()})
	}
	advised := 0
	for _, l := range looks {
		f := l.finding()
		part := partIn
		switch l.What {
		case "reverse DNS", "SPF", "DKIM", "DMARC":
			part = partOut
		}
		switch {
		case l.Needed && f.State != well:
			if f.Text = f.Name + " " + f.Text; l.Part != settings.Hostname {
				f.Text += " (" + l.Part + ")"
			}
			f.Name = "DNS"
			all = append(all, in(part, f)...)
		case f.State != well:
			advised++
		}
	}
	good := finding{Name: "DNS", State: well, Text: "says all that it must: " + strings.Join(settings.Domains, ", ")}
	if len(all) > 0 {
		good = finding{Name: "DNS", State: warn, Text: "more is missing", Fix: "sealpost dns check says what"}
	}
	if advised > 0 {
		good.State, good.Fix = warn, "sealpost dns check says which"
		good.Text = fmt.Sprintf("%s that would help", plural(advised, "record is missing", "records are missing"))
	}
	if len(all) == 0 || advised > 0 {
		all = append(all, in(partIn, good)...)
	}
	return all
}

const (
	scarce  = 2 << 30   // bytes
	noSpace = 200 << 20 // bytes
)

// machineFindings look over what stands around the server.
func machineFindings(settings config.Config, f facts) []finding {
	disk := finding{Name: "disk", State: well}
	free, all, err := room(settings.Data)
	switch {
	case err != nil:
		disk.State, disk.Text = warn, "not known: "+err.Error()
	default:
		disk.Text = fmt.Sprintf("%s free of %s", readable(int64(free)), readable(int64(all)))
		if free < scarce {
			disk.State, disk.Fix = warn, "make room, or set quotas: sealpost account set ADDRESS --quota SIZE"
		}
		if free < noSpace {
			disk.State = bad
		}
	}
	list := []finding{disk}
	if f.Running {
		list = append(list, memoryFinding(f))
	}
	if f := processorFinding(); f.State != well {
		list = append(list, f)
	}
	for _, file := range strayKeys(settings.File) {
		list = append(list, finding{Name: "secret key", State: warn, Text: file + " lies on the server: whoever has both can read the mail",
			Fix: "move it to its owner's device and remove it here: shred -u " + quoted(file)})
	}
	return list
}

func memoryFinding(f facts) finding {
	switch {
	case !f.NoCore:
		return finding{Name: "memory", State: warn, Text: "a crash may write it to disk", Fix: "start the server by \"sealpost serve\" or its unit"}
	case !f.NoSwap:
		return finding{Name: "memory", State: warn, Text: "may be written to swap, mail that is under way with it",
			Fix: "MemorySwapMax=0 in its unit, or swapoff -a, or encrypted swap"}
	}
	return finding{Name: "memory", State: well, Text: "is never written to disk: no swap, no core dumps"}
}

// strayKeys are secret keys that quickstart made and nobody has taken away.
func strayKeys(config string) []string {
	found, _ := filepath.Glob(filepath.Join(ownerFolder(filepath.Dir(config)), "*.secret.asc")) // fails for bad patterns only
	return found
}

// in puts findings into a part of the page.
func in(part string, all ...finding) []finding {
	for i := range all {
		all[i].Part = part
	}
	return all
}

// arranged keeps the parts together.
func arranged(all []finding) (sorted []finding) {
	for _, part := range []string{partIn, partOut, partPeople, partShared, partMachine} {
		for _, f := range all {
			if f.Part == part {
				sorted = append(sorted, f)
			}
		}
	}
	return sorted
}

// conclude is the page in one sentence.
func conclude(all []finding, local bool) string {
	broken := map[string]bool{}
	for _, f := range all {
		broken[f.Part] = broken[f.Part] || f.State == bad
	}
	switch {
	case broken[partShared]:
		return "This node does not reach all that nodes share."
	case broken[partIn] && broken[partOut]:
		return "Mail flows neither in nor out."
	case broken[partIn]:
		return "Mail does not come in."
	case broken[partOut]:
		return "Mail comes in. What is sent does not arrive everywhere."
	case broken[partPeople] || broken[partMachine]:
		return "Mail flows, but not for everybody or not for long."
	case local:
		return "Everything works here; nobody outside was asked."
	}
	return "Mail flows in and out."
}
