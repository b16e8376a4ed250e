package main

import (
	"context"
	"fmt"
	"strings"

	"sealpost/account"
	"sealpost/smtp/dns"
	"sealpost/smtp/inbound"
	"sealpost/smtp/outbound/queue"
	"sealpost/webmail/api"
)

// newAdmin is what operators ask by the API: the same that the commands do.
func (s *server) newAdmin() *api.Admin {
	return &api.Admin{
		Overview: s.overview,
		Domains:  s.checkedDomains,
		Reports:  s.listedReports,
		Hours:    s.hours.list,
		Remove: func(ctx context.Context, id account.ID) error {
			a, err := s.book.Account(ctx, id)
			if err == nil {
				_, err = removeAccount(ctx, s.office, named{a.Addresses[0].String()})
			}
			return err
		},
		Queue: s.queue,
		Drop: func(ctx context.Context, id queue.ID) error {
			_, err := s.sender.Drop(ctx, id, true)
			return err
		},
		SignsIn:     s.desk.Has,
		Invitations: s.listedInvitations,
		Invite:      s.inviteByPage,
		Revoke:      s.desk.Uninvite,
		ResetSignIn: s.resetByPage,
	}
}

// overview gathers what metrics tell, for people.
func (s *server) overview(ctx context.Context) (api.AdminOverview, error) {
	v := api.AdminOverview{
		Version: version(), Hostname: s.settings.Hostname, Began: s.began.UTC(), Healthy: s.healthy(ctx) == nil, Traffic: s.traffic(),
	}
	if until, ok := s.identity.expires(); ok {
		v.CertificateExpires = until.UTC()
	}
	if free, all, ok := diskSpace(s.settings.Data); ok {
		v.DiskFree, v.DiskSize = int64(free), int64(all)
	}
	everybody, err := s.book.Accounts(ctx)
	if err != nil {
		return v, err
	}
	v.Accounts = len(everybody)
	for _, a := range everybody {
		u, err := s.store.Index.Usage(ctx, owner(a))
		if err != nil {
			return v, fmt.Errorf("read usage of account %s: %w", a.ID, err)
		}
		v.Messages, v.Bytes = v.Messages+u.Messages, v.Bytes+u.Bytes
	}
	d, err := s.queue.Depth(ctx)
	v.Queue.Waiting, v.Queue.Held = d.Mails, d.Held
	return v, err
}

func (s *server) traffic() (t api.AdminTraffic) {
	s.arrivals.each(func(_ string, n inbound.Stats) {
		t.Received, t.Junk = t.Received+n.Stored, t.Junk+n.Junk
		for _, refused := range n.Refused {
			t.Refused += refused
		}
	})
	n := s.sender.Stats()
	t.Sent, t.Deferred, t.Failed = n.Sent, n.Deferred, n.Failed
	return t
}

// verdicts in the words of the API.
var states = map[verdict]string{asWanted: "ok", missing: "missing", differs: "wrong", unknown: "unsure"}

// checkedDomains is `sealpost dns check`: first the server's own name, then each domain.
func (s *server) checkedDomains(ctx context.Context) ([]api.AdminDomain, error) {
	all, err := checkDNS(ctx, s.settings, s.book.Domains(), theWorld(s.settings.DNS))
	if err != nil {
		return nil, err
	}
	byName, order := map[string]*api.AdminDomain{}, []string{}
	for _, l := range all {
		if byName[l.Part] == nil {
			byName[l.Part] = &api.AdminDomain{Domain: l.Part}
			order = append(order, l.Part)
		}
		r := api.AdminRecord{Name: l.Name, Type: l.Type, Value: l.Wanted, State: states[l.Verdict], Found: strings.Join(l.Seen, "\n"), Why: l.Text}
		if l.Fix != "" {
			r.Why = strings.TrimPrefix(l.Text+"; "+l.Fix, "; ")
		}
		byName[l.Part].Records = append(byName[l.Part].Records, r)
	}
	domains := make([]api.AdminDomain, 0, len(order))
	for _, name := range order {
		domains = append(domains, *byName[name])
	}
	return domains, nil
}

func (s *server) listedReports(ctx context.Context) (all []api.AdminReport, err error) {
	filed, err := listReports(ctx, s.office, wantedReport{})
	for _, f := range filed {
		n, well := f.numbers()
		all = append(all, api.AdminReport{ID: f.ID, Kind: f.Kind, Domain: f.about(), By: f.From, Day: f.day(), Came: f.Came.UTC(), All: n, Well: well})
	}
	return all, err
}

// asciiName is a domain as the wire has it.
func asciiName(domain string) string {
	name, err := dns.Normal(domain)
	if err != nil {
		return domain
	}
	return name
}
