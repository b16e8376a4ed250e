package config

// Changed are the keys of all settings in which two configurations differ, in the
// order of the sample.
func Changed(a, b Config) (keys []string) {
	for _, s := range settings() {
		if v := plain(s.value); v.write(&a) != v.write(&b) {
			keys = append(keys, s.key)
		}
	}
	return keys
}

// plain writes what is set where the sample shows an example.
func plain(v value) value {
	switch v := v.(type) {
	case word:
		v.example = ""
		return v
	case unquoted:
		return v.word
	case words:
		v.example = ""
		return v
	}
	return v
}
