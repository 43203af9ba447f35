using System.Globalization;
using System.Text.Json;

namespace VhostSwitch.Control.Ovsdb;

/// <summary>
/// The value of one column of a row (RFC 7047, section 5.1): a set of atoms, of which a single atom and an optional one are special cases, or a
/// map. Two are equal when they hold the same, in whatever order the database wrote it.
/// </summary>
public sealed class OvsdbDatum : IEquatable<OvsdbDatum>
{
    /// <summary>A set without elements: an optional column that is not set.</summary>
    public static readonly OvsdbDatum Empty = new([], isMap: false);

    private readonly (OvsdbAtom Key, OvsdbAtom Value)[] _entries;
    private readonly bool _isMap;

    private OvsdbDatum(IEnumerable<(OvsdbAtom Key, OvsdbAtom Value)> entries, bool isMap)
    {
        _entries = [.. entries.OrderBy(entry => entry.Key.Text, StringComparer.Ordinal)];
        _isMap = isMap;
    }

    /// <summary>How many elements it has.</summary>
    public int Count => _entries.Length;

    /// <summary>The only or first element as text; null where there is none.</summary>
    public string? Text => _entries.Length == 0 ? null : _entries[0].Key.Text;

    /// <summary>The only or first element as a number; null where there is none.</summary>
    public long? Number => _entries.Length == 0 || _entries[0].Key.Kind != OvsdbAtomKind.Integer
        ? null
        : long.Parse(_entries[0].Key.Text, CultureInfo.InvariantCulture);

    /// <summary>True where the only element is <c>true</c>.</summary>
    public bool IsTrue => _entries is [{ Key: { Kind: OvsdbAtomKind.Boolean, Text: "true" } }];

    /// <summary>The elements as text, in the order of the alphabet.</summary>
    public IEnumerable<string> Texts => _entries.Select(entry => entry.Key.Text);

    /// <summary>The elements as numbers, ascending; those that are none are left out.</summary>
    public IEnumerable<int> Numbers => _entries.Where(entry => entry.Key.Kind == OvsdbAtomKind.Integer)
        .Select(entry => int.Parse(entry.Key.Text, CultureInfo.InvariantCulture)).Order();

    /// <summary>The rows that are named.</summary>
    public IEnumerable<Guid> Rows => _entries.Where(entry => entry.Key.Kind == OvsdbAtomKind.Uuid).Select(entry => Guid.Parse(entry.Key.Text));

    /// <summary>The keys and values of a map.</summary>
    public IReadOnlyDictionary<string, string> Map =>
        _entries.ToDictionary(entry => entry.Key.Text, entry => entry.Value.Text, StringComparer.Ordinal);

    /// <summary>A text.</summary>
    /// <param name="text">The text; null for none.</param>
    public static OvsdbDatum Of(string? text) => text is null ? Empty : Of([text]);

    /// <summary>A set of texts.</summary>
    /// <param name="texts">The texts.</param>
    public static OvsdbDatum Of(IEnumerable<string> texts) =>
        new(texts.Distinct(StringComparer.Ordinal).Select(text => (new OvsdbAtom(OvsdbAtomKind.String, text), default(OvsdbAtom))), isMap: false);

    /// <summary>A number.</summary>
    /// <param name="number">The number; null for none.</param>
    public static OvsdbDatum Of(long? number) =>
        number is { } value ? new([(OvsdbAtom.Of(value), default)], isMap: false) : Empty;

    /// <summary>True or false.</summary>
    /// <param name="value">Which.</param>
    public static OvsdbDatum Of(bool value) => new([(new OvsdbAtom(OvsdbAtomKind.Boolean, value ? "true" : "false"), default)], isMap: false);

    /// <summary>A map of texts.</summary>
    /// <param name="map">Its keys and values.</param>
    public static OvsdbDatum Of(IReadOnlyDictionary<string, string> map) =>
        new(map.Select(entry => (new OvsdbAtom(OvsdbAtomKind.String, entry.Key), new OvsdbAtom(OvsdbAtomKind.String, entry.Value))), isMap: true);

    /// <summary>A map of numbers.</summary>
    /// <param name="map">Its keys and values.</param>
    public static OvsdbDatum Of(IReadOnlyDictionary<string, long> map) =>
        new(map.Select(entry => (new OvsdbAtom(OvsdbAtomKind.String, entry.Key), OvsdbAtom.Of(entry.Value))), isMap: true);

    /// <summary>A set of rows.</summary>
    /// <param name="rows">Their UUIDs.</param>
    public static OvsdbDatum Of(IEnumerable<Guid> rows) =>
        new(rows.Select(row => (new OvsdbAtom(OvsdbAtomKind.Uuid, row.ToString()), default(OvsdbAtom))), isMap: false);

    /// <summary>A set of atoms.</summary>
    /// <param name="atoms">The atoms.</param>
    internal static OvsdbDatum Of(IEnumerable<OvsdbAtom> atoms) => new(atoms.Distinct().Select(atom => (atom, default(OvsdbAtom))), isMap: false);

    /// <summary>Reads a value.</summary>
    /// <param name="json">The <c>value</c> of RFC 7047.</param>
    /// <exception cref="OvsdbException">It is none.</exception>
    public static OvsdbDatum Read(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Array) return new([(OvsdbAtom.Read(json), default)], isMap: false);
        if (json.GetArrayLength() != 2 || json[0].ValueKind != JsonValueKind.String) throw Wrong(json);
        switch (json[0].GetString())
        {
            case "set" when json[1].ValueKind == JsonValueKind.Array:
                return new(json[1].EnumerateArray().Select(element => (OvsdbAtom.Read(element), default(OvsdbAtom))), isMap: false);
            case "map" when json[1].ValueKind == JsonValueKind.Array && json[1].EnumerateArray().All(IsPair):
                return new(json[1].EnumerateArray().Select(pair => (OvsdbAtom.Read(pair[0]), OvsdbAtom.Read(pair[1]))), isMap: true);
            default:
                return new([(OvsdbAtom.Read(json), default)], isMap: false);
        }
    }

    /// <summary>Writes the value.</summary>
    /// <param name="writer">Where to.</param>
    public void Write(Utf8JsonWriter writer)
    {
        if (!_isMap && _entries.Length == 1)
        {
            _entries[0].Key.Write(writer);
            return;
        }
        writer.WriteStartArray();
        writer.WriteStringValue(_isMap ? "map" : "set");
        writer.WriteStartArray();
        foreach (var (key, value) in _entries)
        {
            if (_isMap) writer.WriteStartArray();
            key.Write(writer);
            if (!_isMap) continue;
            value.Write(writer);
            writer.WriteEndArray();
        }
        writer.WriteEndArray();
        writer.WriteEndArray();
    }

    /// <inheritdoc/>
    public bool Equals(OvsdbDatum? other) => other is not null && _isMap == other._isMap && _entries.AsSpan().SequenceEqual(other._entries);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as OvsdbDatum);

    /// <inheritdoc/>
    public override int GetHashCode() => _entries.Length == 0 ? 0 : HashCode.Combine(_entries.Length, _entries[0]);

    /// <inheritdoc/>
    public override string ToString() =>
        _isMap ? $"{{{string.Join(", ", _entries.Select(entry => $"{entry.Key.Text}={entry.Value.Text}"))}}}" : $"[{string.Join(", ", Texts)}]";

    internal static OvsdbException Wrong(JsonElement json) => new($"the database sent {json.GetRawText()}, which is no value of a column");

    private static bool IsPair(JsonElement element) => element.ValueKind == JsonValueKind.Array && element.GetArrayLength() == 2;
}
