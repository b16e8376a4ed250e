package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"sealpost/config"
	"sealpost/mail"
)

type domainGroup struct {
	Add    domainAddCommand    `cmd:"" help:"Take mail for one more domain: keys, configuration and the records to publish."`
	List   domainListCommand   `cmd:"" help:"List the domains of this server."`
	Remove domainRemoveCommand `cmd:"" help:"Take no more mail for a domain."`
}

type domainAddCommand struct {
	settingsFile
	Domain string `arg:"" help:"A domain such as example.org."`
}

func (cmd domainAddCommand) Help() string {
	return "Adds the domain to the configuration file, leaving everything else in it as it is, makes its DKIM keys and " +
		"prints the records for its zone. A running server takes it up at once; connections stay open. " +
		"What is there already is kept: the command may be repeated."
}

func (cmd domainAddCommand) Run(ctx context.Context, c console) error {
	settings, err := config.Load(cmd.Config)
	if err != nil {
		return err
	}
	return cmd.in(ctx, c, settings, theWorld(settings.DNS))
}

// in makes the keys first: a domain that the server knows has its signer.
func (cmd domainAddCommand) in(ctx context.Context, c console, settings config.Config, w world) error {
	name, err := readDomain(cmd.Domain)
	if err != nil {
		return err
	}
	made, place := false, ""
	err = inStrongroom(ctx, settings, func(r strongroom) (err error) {
		made, err = r.dkim.add(ctx, name, keySigns, w.now())
		place = r.dkim.place(name)
		return err
	})
	if err != nil {
		return err
	}
	err = config.Edit(settings.File, func(text string) (string, error) { return config.AddDomain(text, name) })
	added := err == nil
	if err != nil && !errors.Is(err, config.ErrListed) {
		return fmt.Errorf("%s: %w", settings.File, err)
	}
	running, err := tellServer(ctx, settings)
	if err != nil {
		return err
	}
	if settings, err = config.Load(settings.File); err != nil {
		return err
	}
	p, err := newPlan(ctx, settings, name, addressesOf(ctx, settings.Hostname, w))
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "%s %s in %s; its DKIM keys %s in %s.\n", name, choose(added, "is added", "was there already"), settings.File,
		choose(made, "are made", "were there already"), place)
	fmt.Fprintln(c.Out, choose(running, "The server takes its mail from now on.", "No server is running: it takes its mail when it is started."))
	fmt.Fprintf(c.Out, "Add these records to its zone, then: sealpost dns check %s\n\n", name)
	_, err = fmt.Fprint(c.Out, p.zone(w.now()))
	return err
}

type domainListCommand struct {
	settingsFile
	JSON bool `name:"json" help:"Print it as JSON."`
}

// domainView is what is told of a domain.
type domainView struct {
	Domain    string   `json:"domain"`
	Accounts  int      `json:"accounts"` // that have their name in it
	Aliases   int      `json:"aliases"`
	Selectors []string `json:"selectors"` // of the keys that sign
}

func (cmd domainListCommand) Run(ctx context.Context, c console) error {
	settings, err := config.Load(cmd.Config)
	if err != nil {
		return err
	}
	views, err := domainViews(ctx, settings)
	if err != nil {
		return err
	}
	if cmd.JSON {
		return printJSON(c.Out, views)
	}
	t := tabwriter.NewWriter(c.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "DOMAIN\tACCOUNTS\tALIASES\tSIGNS WITH")
	for _, v := range views {
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\n", v.Domain, v.Accounts, v.Aliases, orElse(strings.Join(v.Selectors, ", "), "nothing: sealpost domain add "+v.Domain))
	}
	return t.Flush()
}

// domainViews reads the keys of the domains and who is in them.
func domainViews(ctx context.Context, settings config.Config) ([]domainView, error) {
	people, err := everybody(ctx, settings)
	if err != nil {
		return nil, err
	}
	views := []domainView{}
	err = inStrongroom(ctx, settings, func(r strongroom) error {
		for _, d := range settings.Domains {
			v := domainView{Domain: canonical(d), Selectors: []string{}}
			keys, err := keysIn(ctx, r.dkim, v.Domain)
			if err != nil {
				return err
			}
			for _, k := range inState(keys, keySigns) {
				v.Selectors = append(v.Selectors, k.Selector)
			}
			v.count(people)
			views = append(views, v)
		}
		return nil
	})
	return views, err
}

// everybody lists the accounts, whether a server runs or not. The caller stays who
// it is: what it does next may be root's to do.
func everybody(ctx context.Context, settings config.Config) (people []accountView, err error) {
	err = asOwnerOf(settings.Data, func() error {
		people, err = ask[[]accountView](ctx, settings.File, "account.list", struct{}{})
		return err
	})
	return people, err
}

// count counts the addresses in the domain.
func (v *domainView) count(people []accountView) {
	for _, p := range people {
		if addressIn(p.Address, v.Domain) {
			v.Accounts++
		}
		for _, a := range p.Aliases {
			if addressIn(a, v.Domain) {
				v.Aliases++
			}
		}
	}
}

func addressIn(address, domain string) bool {
	return canonical(address[strings.LastIndexByte(address, '@')+1:]) == domain
}

type domainRemoveCommand struct {
	settingsFile
	Domain string `arg:"" help:"One of the server's domains."`
}

func (cmd domainRemoveCommand) Help() string {
	return "Takes the domain out of the configuration file; a running server refuses its mail at once. Nothing is removed " +
		"while an account or an alias is in the domain. Its DKIM keys stay where they are."
}

func (cmd domainRemoveCommand) Run(ctx context.Context, c console) error {
	settings, err := config.Load(cmd.Config)
	if err != nil {
		return err
	}
	domain, err := cmd.empty(ctx, settings)
	if err != nil {
		return err
	}
	err = config.Edit(settings.File, func(text string) (string, error) { return config.RemoveDomain(text, domain) })
	if err != nil {
		return fmt.Errorf("%s: %w", settings.File, err)
	}
	running, err := tellServer(ctx, settings)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "%s is removed from %s; %s.\n", domain, settings.File, choose(running, "its mail is refused from now on", "no server is running"))
	_, err = fmt.Fprintf(c.Out, "Take its MX record out of the DNS. Its DKIM keys stay in %s.\n", keyPlace(settings, canonical(domain)))
	return err
}

// empty finds the domain as the file spells it, if nobody is in it.
func (cmd domainRemoveCommand) empty(ctx context.Context, settings config.Config) (string, error) {
	domains, err := chosen(settings, cmd.Domain)
	if err != nil {
		return "", err
	}
	people, err := everybody(ctx, settings)
	if err != nil {
		return "", err
	}
	v := domainView{Domain: canonical(domains[0])}
	if v.count(people); v.Accounts+v.Aliases > 0 {
		return "", fmt.Errorf("%s has %s and %s: remove or move them first (sealpost account remove, sealpost account alias --remove)",
			v.Domain, counting(int64(v.Accounts), "account"), plural(v.Aliases, "alias", "aliases"))
	}
	return domains[0], nil
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// readDomain checks a domain that was typed and writes it as addresses do.
func readDomain(text string) (string, error) {
	a, err := mail.ParseAddress("postmaster@" + strings.TrimSuffix(text, "."))
	if err != nil || strings.ContainsAny(a.Domain, "[]/\\_: ") || !strings.Contains(a.Domain, ".") {
		return "", fmt.Errorf("%q is no domain: expected one such as example.org", text)
	}
	return a.Domain, nil
}
