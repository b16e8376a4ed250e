package config

import (
	"reflect"
	"testing"
)

// TestChanged: every setting that there is is compared.
func TestChanged(t *testing.T) {
	t.Parallel()
	a, b := Default(), Default()
	if got := Changed(a, b); got != nil {
		t.Errorf("the same differs in %v", got)
	}
	b.Domains, b.Log.Level, b.SMTP.MessageSize, b.TLS.Key = []string{"x.example"}, "debug", 1<<20, "/k"
	want := []string{"domains", "tls.key", "smtp.message_size", "log.level"}
	if got := Changed(a, b); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := Changed(Config{}, Default()); len(got) < 45 {
		t.Errorf("of %d settings %d are compared", len(settings()), len(got))
	}
}
