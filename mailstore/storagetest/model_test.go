package storagetest

import "testing"

// The model is an engine like any other.
func TestModel(t *testing.T) {
	t.Parallel()
	Index(t, func(t testing.TB, o Options) *Engine { return &Engine{Index: NewModel(o)} })
}
