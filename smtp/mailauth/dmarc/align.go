package dmarc

import (
	"context"
	"slices"
	"strings"
)

// judge says pass or fail, and what follows.
func (w *walker) judge(ctx context.Context, v Verdict, from string, ids Identifiers) Verdict {
	v.Disposition = "none"
	var unsure bool
	if ids.SPF != "" {
		v.SPFAligned, unsure = w.aligned(ctx, v, from, ids.SPF, v.Record.StrictSPF)
	}
	for _, d := range ids.DKIM {
		ok, doubt := w.aligned(ctx, v, from, d, v.Record.StrictDKIM)
		v.DKIMAligned = v.DKIMAligned || ok
		unsure = unsure || doubt
	}
	switch {
	case v.SPFAligned || v.DKIMAligned:
		v.Result = "pass"
	case unsure:
		return temporary(v, v.applied() != "none", "the DNS failed while alignment was checked")
	case w.doubtful(ctx, v, from, ids):
		return temporary(v, v.applied() != "none", "the DNS failed while SPF or DKIM was checked")
	default:
		v.Result, v.Reason = "fail", "nothing that passed is aligned with From"
		v.Disposition = v.applied()
	}
	return v
}

// applied is the policy after the testing flag, which lowers it by one level.
func (v Verdict) applied() string {
	if !v.Record.Testing {
		return v.Policy
	}
	if v.Policy == "reject" {
		return "quarantine"
	}
	return "none"
}

// aligned compares a proven domain with From (section 4.10.2). Names that differ
// are aligned when both have one organizational domain.
func (w *walker) aligned(ctx context.Context, v Verdict, from, proven string, strict bool) (ok, unsure bool) {
	id, ok := canonical(proven)
	if !ok {
		return false, false
	}
	if id == from {
		return true, false
	}
	if strict {
		return false, false
	}
	if v.Org == "" {
		return false, true
	}
	if !within(id, v.Org) {
		return false, false // its organization is above it, and there is none of From's
	}
	all, err := w.walk(ctx, id)
	if err != nil {
		return false, true
	}
	return organization(id, all) == v.Org, false
}

// proved says whether the very domain of From was, which is aligned whatever the
// DNS says.
func proved(from string, ids Identifiers) bool {
	return slices.ContainsFunc(append(ids.DKIM, ids.SPF), func(d string) bool {
		id, ok := canonical(d)
		return ok && id == from
	})
}

// within says whether name is domain or below it.
func within(name, domain string) bool {
	return name == domain || strings.HasSuffix(name, "."+domain)
}

// doubtful says whether a check that the DNS kept from ending could have changed
// the result.
func (w *walker) doubtful(ctx context.Context, v Verdict, from string, ids Identifiers) bool {
	if len(ids.Doubtful) == 0 {
		return ids.Unsure
	}
	for _, d := range ids.Doubtful {
		ok, unsure := w.aligned(ctx, v, from, d, v.Record.StrictDKIM && v.Record.StrictSPF)
		if ok || unsure {
			return true
		}
	}
	return false
}
