package spec

// A MediaColumn is a column whose cells hold or name images, recordings, films or documents.
// They become parts of the request, before its text. A cell is a path below the media root, the
// address of an object below it, an https, gs or YouTube address, the name of an upload (files/...), a data: URI, base64,
// bytes, or a list of these. An empty cell makes no part.
type MediaColumn struct {
	Column     string `json:"column"`               // required
	MIMEType   string `json:"mime_type,omitempty"`  // default: that of the content, or else of the extension
	Resolution string `json:"resolution,omitempty"` // low, medium, high or ultra_high; default: the request's
	MaxBytes   int64  `json:"max_bytes,omitempty"`  // largest size of one medium; default: what the API takes
}

// MediaColumns are columns with media. In YAML they are a column's name, a MediaColumn, or a
// list of either.
type MediaColumns []MediaColumn

// UnmarshalYAML implements yaml.InterfaceUnmarshaler.
func (m *MediaColumns) UnmarshalYAML(unmarshal func(any) error) error {
	var names List
	if err := unmarshal(&names); err == nil {
		for _, name := range names {
			*m = append(*m, MediaColumn{Column: name})
		}
		return nil
	}
	var items []mediaItem
	if err := unmarshal(&items); err != nil {
		var one mediaItem
		if unmarshal(&one) != nil {
			return err
		}
		items = append(items, one)
	}
	for _, item := range items {
		*m = append(*m, MediaColumn(item))
	}
	return nil
}

// A mediaItem is a MediaColumn in YAML, which may be the column's name alone.
type mediaItem MediaColumn

// UnmarshalYAML implements yaml.InterfaceUnmarshaler.
func (m *mediaItem) UnmarshalYAML(unmarshal func(any) error) error {
	if err := unmarshal(&m.Column); err == nil {
		return nil
	}
	return unmarshal((*MediaColumn)(m))
}
