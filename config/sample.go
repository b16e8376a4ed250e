package config

import (
	"fmt"
	"strings"
)

// Sample is a documented configuration file. It sets everything to its default,
// and what has none to an example.
func Sample() string {
	c := Default()
	var b strings.Builder
	b.WriteString("# Settings of sealpost. Everything here has the value it has without being named,\n")
	b.WriteString("# but for hostname and domains, which every server must set itself.\n")
	table := ""
	for _, s := range settings() {
		name := s.key
		if t, rest, ok := strings.Cut(s.key, "."); ok {
			name = rest
			if t != table {
				table = t
				fmt.Fprintf(&b, "\n[%s]\n", table)
			}
		}
		if s.about != "" {
			b.WriteString("\n# " + strings.ReplaceAll(s.about, "\n", "\n# ") + "\n")
		}
		fmt.Fprintf(&b, "%s = %s\n", name, s.value.write(&c))
	}
	return b.String()
}
