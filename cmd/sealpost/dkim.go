package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"sealpost/config"
	"sealpost/smtp/dns"
)

type dkimGroup struct {
	List   dkimListCommand   `cmd:"" help:"List the keys that sign, those that wait, and those that did."`
	Rotate dkimRotateCommand `cmd:"" help:"Make new keys, and sign with them once the DNS has them."`
}

type dkimListCommand struct {
	settingsFile
	Domain string `arg:"" optional:"" help:"One domain; without it, all of them."`
	JSON   bool   `name:"json" help:"Print it as JSON, with the records."`
}

func (cmd dkimListCommand) Run(ctx context.Context, c console) error {
	settings, err := config.Load(cmd.Config)
	if err != nil {
		return err
	}
	all, err := cmd.keys(ctx, settings)
	if err != nil {
		return err
	}
	if cmd.JSON {
		return printJSON(c.Out, all)
	}
	t := tabwriter.NewWriter(c.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "DOMAIN\tSELECTOR\tALGORITHM\tMADE\tSTATE")
	for _, k := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", k.Domain, k.Selector, k.Algorithm, k.made(), k.words(time.Now()))
	}
	return t.Flush()
}

type domainKey struct {
	Domain string `json:"domain"`
	keyView
}

func (cmd dkimListCommand) keys(ctx context.Context, settings config.Config) ([]domainKey, error) {
	domains, err := chosen(settings, cmd.Domain)
	if err != nil {
		return nil, err
	}
	all := []domainKey{}
	err = inStrongroom(ctx, settings, func(r strongroom) error {
		for _, d := range domains {
			keys, err := keysIn(ctx, r.dkim, canonical(d))
			if err != nil {
				return err
			}
			for _, k := range keys {
				all = append(all, domainKey{canonical(d), k})
			}
		}
		return nil
	})
	return all, err
}

// made is the day a key was made, as its selector says it, or its file.
func (k keyView) made() string {
	if len(k.Selector) > 8 {
		if at, err := time.Parse("20060102", strings.TrimPrefix(k.Selector, "s")[:8]); err == nil {
			return day(at)
		}
	}
	return day(k.Since)
}

// words say what a key does.
func (k keyView) words(now time.Time) string {
	switch {
	case k.State == keyNext:
		return "waits for its record: sealpost dkim rotate --activate"
	case k.State == keySigns:
		return "signs"
	case now.Before(k.Since.Add(oldStays)):
		return "signed until " + day(k.Since) + "; keep its record until " + day(k.Since.Add(oldStays))
	}
	return "signed until " + day(k.Since) + "; its record may be removed"
}

type dkimRotateCommand struct {
	settingsFile
	Domain   string `arg:"" optional:"" help:"One domain; without it, all of them."`
	Activate bool   `help:"The second step: see that the DNS has the new keys, and sign with them."`
}

func (cmd dkimRotateCommand) Help() string {
	return "In two steps, for a signature that nobody can check yet is worth nothing: the first makes keys and prints their " +
		"records, the second looks for these in the DNS and switches over. A running server takes the keys up at once."
}

func (cmd dkimRotateCommand) Run(ctx context.Context, c console) error {
	settings, err := config.Load(cmd.Config)
	if err != nil {
		return err
	}
	return cmd.in(ctx, c, settings, theWorld(settings.DNS))
}

func (cmd dkimRotateCommand) in(ctx context.Context, c console, settings config.Config, w world) error {
	domains, err := chosen(settings, cmd.Domain)
	if err != nil {
		return err
	}
	step := cmd.prepare
	if cmd.Activate {
		step = cmd.activate
	}
	var errs []error
	err = inStrongroom(ctx, settings, func(room strongroom) error {
		for _, d := range domains {
			r := rotation{domain: canonical(d), rack: room.dkim, console: c, world: w}
			if r.keys, err = keysIn(ctx, r.rack, r.domain); err != nil {
				return err
			}
			errs = append(errs, step(ctx, r))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if cmd.Activate {
		_, err := tellServer(ctx, settings)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// A rotation is that of one domain's keys.
type rotation struct {
	domain string
	rack   keyRack
	keys   []keyView
	console
	world
}

// prepare makes the next keys, if there are none, and prints their records.
func (cmd dkimRotateCommand) prepare(ctx context.Context, r rotation) error {
	if err := r.forget(ctx); err != nil {
		return err
	}
	if _, err := r.rack.add(ctx, r.domain, keyNext, r.now()); err != nil {
		return err
	}
	keys, err := keysIn(ctx, r.rack, r.domain)
	if err != nil {
		return err
	}
	fmt.Fprintf(r.Out, "; Add these to the zone of %s and leave the old ones. When the world sees them:\n;   sealpost dkim rotate %s --activate\n", r.domain, r.domain)
	for _, k := range inState(keys, keyNext) {
		fmt.Fprintln(r.Out, r.record(k))
	}
	return nil
}

func (r rotation) record(k keyView) record {
	name := k.Selector + "._domainkey." + r.domain
	if ascii, err := dns.Normal(name); err == nil {
		name = ascii
	}
	return record{name, "TXT", k.Record}
}

// forget removes keys that signed last long ago: whoever finds them could sign mail
// that looks old.
func (r rotation) forget(ctx context.Context) error {
	for _, k := range r.keys {
		if k.held.State == keyOld && r.now().After(k.Since.Add(oldStays)) {
			if err := r.rack.remove(ctx, r.domain, k.held); err != nil {
				return fmt.Errorf("remove old DKIM key: %w", err)
			}
		}
	}
	return nil
}

// activate signs with the next keys, once all of them are in the DNS.
func (cmd dkimRotateCommand) activate(ctx context.Context, r rotation) error {
	next := inState(r.keys, keyNext)
	if len(next) == 0 {
		return fmt.Errorf("%s has no next keys: sealpost dkim rotate %s makes them", r.domain, r.domain)
	}
	for _, k := range next {
		if err := r.published(ctx, k); err != nil {
			return fmt.Errorf("nothing was switched: %w", err)
		}
	}
	// The new ones first: at no moment there is no key.
	for _, k := range next {
		if err := r.rack.move(ctx, r.domain, k.held, keySigns, time.Time{}); err != nil {
			return fmt.Errorf("sign with the next DKIM key: %w", err)
		}
		fmt.Fprintf(r.Out, "%s signs with %s from now on.\n", r.domain, k.Selector)
	}
	return r.retire(ctx)
}

// retire puts away the keys that no longer sign, with the time at which they did last.
func (r rotation) retire(ctx context.Context) error {
	now := r.now()
	keys, err := keysIn(ctx, r.rack, r.domain)
	if err != nil {
		return err
	}
	for _, k := range inState(keys, keyOld) {
		if k.held.State != keySigns {
			continue
		}
		if err := r.rack.move(ctx, r.domain, k.held, keyOld, now); err != nil {
			return fmt.Errorf("put away the old DKIM key: %w", err)
		}
		fmt.Fprintf(r.Out, "Keep the record of %s until %s: mail that it signed is under way.\n", k.Selector, day(now.Add(oldStays)))
	}
	return nil
}

// published says what keeps a key from being used.
func (r rotation) published(ctx context.Context, k keyView) error {
	want := r.record(k)
	a, err := r.dns.TXT(ctx, want.Name)
	switch {
	case errors.Is(err, dns.ErrNotFound):
		return fmt.Errorf("the DNS has no %s; it may take as long as a TTL until it is seen", want.Name)
	case err != nil:
		return fmt.Errorf("look for %s: %w", want.Name, err)
	case len(a.Records) != 1 || !sameKey(a.Records[0], k.Record):
		return fmt.Errorf("%s in the DNS is another key, or not whole", want.Name)
	}
	return nil
}
