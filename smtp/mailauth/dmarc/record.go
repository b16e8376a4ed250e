package dmarc

import (
	"net/url"
	"slices"
	"strings"
)

const (
	maxRecord = 8 << 10 // octets of a record that is read at all
	maxTags   = 64
	maxURIs   = 10
)

// ParseRecord reads the text of a TXT record (RFC 9989, section 4.8). It is no
// DMARC record, ok false, unless it starts with v=DMARC1. After that nothing is
// an error: unknown tags and values that make no sense are passed over, and of
// tags that stand twice the first counts.
func ParseRecord(s string) (rec Record, ok bool) {
	if len(s) > maxRecord {
		return Record{}, false
	}
	first, rest, _ := strings.Cut(s, ";")
	if name, value := tag(first); name != "v" || value != "DMARC1" {
		return Record{}, false
	}
	tags := make(map[string]string)
	for part := range strings.SplitSeq(rest, ";") {
		name, value := tag(part)
		if _, double := tags[name]; !double && len(tags) < maxTags {
			tags[name] = value
		}
	}
	return fromTags(tags), true
}

// tag splits name=value. Names are without case, as quoted strings of ABNF are.
func tag(s string) (name, value string) {
	name, value, _ = strings.Cut(s, "=")
	return strings.ToLower(strings.Trim(name, " \t")), strings.Trim(value, " \t")
}

func fromTags(tags map[string]string) Record {
	rec := Record{
		StrictDKIM: strings.EqualFold(tags["adkim"], "s"),
		StrictSPF:  strings.EqualFold(tags["aspf"], "s"),
		Testing:    strings.EqualFold(tags["t"], "y"),
		PSD:        oneOf(tags["psd"], "y", "n", "u"),
		RUA:        uris(tags["rua"]),
		RUF:        uris(tags["ruf"]),
	}
	if rec.PSD == "" {
		rec.PSD = "u"
	}
	if len(rec.RUF) > 0 {
		rec.FailureOptions = options(tags["fo"])
	}
	rec.policies(tags)
	return rec
}

// policies reads p, sp and np. Where one of them cannot be used, all are taken as
// none, and without a rua there is no DMARC at all (section 4.10.1).
func (rec *Record) policies(tags map[string]string) {
	rec.Policy = request(tags["p"])
	rec.SubPolicy = request(tags["sp"])
	rec.NonExistent = request(tags["np"])
	_, hasSub := tags["sp"]
	_, hasNon := tags["np"]
	if rec.Policy == "" || hasSub && rec.SubPolicy == "" || hasNon && rec.NonExistent == "" {
		rec.Broken = true
		rec.Policy, rec.SubPolicy, rec.NonExistent = "none", "", ""
	}
}

func request(s string) string { return oneOf(s, "none", "quarantine", "reject") }

func oneOf(s string, known ...string) string {
	if s = strings.ToLower(s); slices.Contains(known, s) {
		return s
	}
	return ""
}

// uris reads a list of URIs, without the sizes that once could follow.
func uris(s string) []string {
	var list []string
	for u := range strings.SplitSeq(s, ",") {
		u, _, _ = strings.Cut(strings.Trim(u, " \t"), "!")
		if parsed, err := url.Parse(u); err == nil && parsed.Scheme != "" && (parsed.Opaque != "" || parsed.Host != "") && len(list) < maxURIs {
			list = append(list, u)
		}
	}
	return list
}

func options(s string) []string {
	var list []string
	for o := range strings.SplitSeq(s, ":") {
		if o = oneOf(strings.Trim(o, " \t"), "0", "1", "d", "s"); o != "" && !slices.Contains(list, o) {
			list = append(list, o)
		}
	}
	if len(list) == 0 {
		return []string{"0"}
	}
	return list
}
