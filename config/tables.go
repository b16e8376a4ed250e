package config

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// maxTables is how many tables of one kind a file may have.
const maxTables = 100

// tables is a table of tables of one kind, by names that the file gives them.
type tables[T any] struct {
	at     func(*Config) *map[string]T
	fields func(*T) map[string]any // pointers to string, []string, bool or int
	check  func(T) (should string)
	name   check
}

func (t tables[T]) read(c *Config, from any) error {
	all, ok := from.(map[string]any)
	if !ok {
		return expected("tables with names", from)
	}
	if len(all) > maxTables {
		return fmt.Errorf("expected at most %d tables, got %d", maxTables, len(all))
	}
	read := map[string]T{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		one, err := t.one(name, all[name])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		read[name] = one
	}
	*t.at(c) = read
	return nil
}

func (t tables[T]) one(name string, from any) (one T, err error) {
	if should := t.name(name); should != "" {
		return one, expected(should, name)
	}
	table, ok := from.(map[string]any)
	if !ok {
		return one, expected("a table", from)
	}
	fields := t.fields(&one)
	for _, key := range slices.Sorted(maps.Keys(table)) {
		field, known := fields[key]
		if !known {
			return one, fmt.Errorf("%s: no such setting; expected one of %s", key, strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
		}
		if err := set(field, table[key]); err != nil {
			return one, fmt.Errorf("%s: %w", key, err)
		}
	}
	if should := t.check(one); should != "" {
		return one, fmt.Errorf("expected %s", should)
	}
	return one, nil
}

// set puts a TOML value into what field points at.
func set(field, from any) error {
	none := new(Config)
	switch at := field.(type) {
	case *string:
		return word{at: func(*Config) *string { return at }, check: anything}.read(none, from)
	case *[]string:
		return words{at: func(*Config) *[]string { return at }, check: anything}.read(none, from)
	case *bool:
		return yes(func(*Config) *bool { return at }).read(none, from)
	default:
		return count{func(*Config) *int { return field.(*int) }, 1, 10_000}.read(none, from)
	}
}

// write has everything in one line.
func (t tables[T]) write(c *Config) string {
	all := *t.at(c)
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		one := all[name]
		fields := t.fields(&one)
		var values []string
		for _, key := range slices.Sorted(maps.Keys(fields)) {
			values = append(values, fmt.Sprintf("%s = %s", key, written(fields[key])))
		}
		lines = append(lines, fmt.Sprintf("%s = { %s }", name, strings.Join(values, ", ")))
	}
	if len(lines) == 0 {
		return "{}"
	}
	return "{ " + strings.Join(lines, ", ") + " }"
}

func written(field any) string {
	none := new(Config)
	switch at := field.(type) {
	case *string:
		return word{at: func(*Config) *string { return at }}.write(none)
	case *[]string:
		return words{at: func(*Config) *[]string { return at }}.write(none)
	case *bool:
		return yes(func(*Config) *bool { return at }).write(none)
	default:
		return count{at: func(*Config) *int { return field.(*int) }}.write(none)
	}
}

func (e *Endpoint) fields() map[string]any {
	return map[string]any{
		"url": &e.URL, "bucket": &e.Bucket, "region": &e.Region, "provider": &e.Provider, "jurisdiction": &e.Jurisdiction,
		"key_file": &e.KeyFile, "path_style": &e.PathStyle, "requests": &e.Requests,
	}
}

func (e Endpoint) check() string {
	switch {
	case anyURL(e.URL) != "":
		return "url = an address that starts with https://"
	case e.Bucket == "":
		return "bucket = the name of a bucket"
	case e.KeyFile == "":
		return "key_file = a file with access key and secret key, a line each"
	}
	return ""
}

func (r *Rule) fields() map[string]any {
	return map[string]any{
		"for": &r.For, "copies": &r.Copies, "enough": &r.Enough, "providers": &r.Providers, "jurisdictions": &r.Jurisdictions,
	}
}

func (r Rule) check() string {
	if r.Enough > max(r.Copies, 1) {
		return fmt.Sprintf("enough of at most %d, as many as there are copies", max(r.Copies, 1))
	}
	for _, who := range r.For {
		if hostname(who) != "" && address(who) != "" {
			return "for = domains and addresses such as \"example.org\" and \"alice@example.org\""
		}
	}
	return ""
}

var labelForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$`)

func label(s string) string {
	if !labelForm.MatchString(s) {
		return `a name of small letters and digits such as "east-1"`
	}
	return ""
}

var passwordWord = regexp.MustCompile(`(?i)(^|[\s?&])password\s*=`)

// connection is a libpq connection string that holds no password.
func connection(s string) string {
	switch {
	case strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://"):
		u, err := url.Parse(s)
		if err != nil || hasPassword(u) || passwordWord.MatchString(s) {
			return `an address such as "postgres://sealpost@host/sealpost" without a password; its file is cluster.database_password_file`
		}
	case !strings.Contains(s, "=") || passwordWord.MatchString(s):
		return `a connection string such as "host=/run/postgresql dbname=sealpost" without a password; its file is cluster.database_password_file`
	}
	return ""
}

func hasPassword(u *url.URL) bool {
	_, has := u.User.Password()
	return has
}

func natsURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "nats" && u.Scheme != "tls" || u.Host == "" || u.User != nil {
		return `an address such as "tls://nats.internal:4222" without a password; its file is cluster.nats_credentials_file`
	}
	return ""
}
