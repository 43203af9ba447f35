using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using VhostSwitch.Control.Ovsdb;

namespace VhostSwitch.Control.FileConfiguration;

/// <summary>
/// Reads the configuration file: JSON (RFC 8259), and since people write it, with comments and with commas behind the last. Whatever is wrong is
/// refused with its line and its place.
/// </summary>
internal ref struct ConfigReader
{
    private readonly ReadOnlySpan<byte> _text;
    private readonly string _file;
    private readonly Dictionary<ConfigRecord, string> _places = new(ReferenceEqualityComparer.Instance);
    private Utf8JsonReader _json;

    private ConfigReader(ReadOnlySpan<byte> text, string file)
    {
        _text = text;
        _file = file;
        _json = new Utf8JsonReader(text, new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
    }

    /// <summary>Reads the whole file.</summary>
    /// <param name="text">Its bytes.</param>
    /// <param name="file">Its name, for messages.</param>
    /// <exception cref="ConfigException">Something in it is wrong.</exception>
    public static ConfigRecord Read(ReadOnlySpan<byte> text, string file)
    {
        if (text.StartsWith(Encoding.UTF8.Preamble)) text = text[Encoding.UTF8.Preamble.Length..];
        if (!Utf8.IsValid(text)) throw new ConfigException($"{file}: this is no text in UTF-8");
        try
        {
            return new ConfigReader(text, file).Read();
        }
        catch (JsonException e)
        {
            // The rest of the message is the line once more, counted from 0.
            string what = e.Message.Split(" LineNumber:")[0].Split(" Change the reader options")[0];
            throw new ConfigException($"{file}:{e.LineNumber + 1}: this is no JSON: {what}", e);
        }
    }

    private ConfigRecord Read()
    {
        _json.Read();
        var root = ReadRecord(ConfigTable.Switch, "");
        // Refuses what follows.
        _json.Read();
        return root.Fault() is var (where, what) ? throw new ConfigException($"{_file}:{_places[where]}: {what}") : root;
    }

    private ConfigRecord ReadRecord(ConfigTable table, string place)
    {
        Demand(JsonTokenType.StartObject, place, $"an object {{ }} with {string.Join(", ", table.Members)}");
        string start = Place(place);
        string? name = table.HasName ? null : "";
        var columns = ImmutableDictionary.CreateBuilder<string, OvsdbDatum>();
        var children = ImmutableList.CreateBuilder<ConfigRecord>();
        var seen = new HashSet<string>();
        while (NextMember(seen, place, out string member, out string inner))
        {
            if (member == ConfigTable.NameMember && table.HasName)
            {
                name = ReadText(inner);
                if (ConfigRecord.NameFault(name) is { } fault) throw Wrong(inner, fault);
            }
            else if (table.Children.FirstOrDefault(child => child.List == member) is { } child)
            {
                Demand(JsonTokenType.StartArray, inner, $"a list [ ] of {member}");
                for (int i = 0; NextElement(); i++)
                    children.Add(ReadRecord(child, $"{inner}[{i}]"));
            }
            else if (table.Find(member) is { } column)
            {
                var value = ReadValue(column, inner);
                if (value.Count > 0) columns.Add(member, value);
            }
            else
            {
                throw Wrong(inner, ConfigTable.Unknown(member, table.Members));
            }
        }
        if (name is null) throw new ConfigException($"{_file}:{start}: this {table.Word} has no name: \"name\": \"NAME\" is missing");
        var record = new ConfigRecord(table, name) { Columns = columns.ToImmutable(), Children = children.ToImmutable() };
        _places.Add(record, start);
        return record;
    }

    private OvsdbDatum ReadValue(ConfigColumn column, string place)
    {
        switch (column.Shape)
        {
            case ConfigShape.Set:
                Demand(JsonTokenType.StartArray, place, $"a list [ ], each of it {column.Type.Allowed},");
                var atoms = new List<OvsdbAtom>();
                while (NextElement())
                    atoms.Add(ReadAtom(column.Type, $"{place}[{atoms.Count}]", isInMap: false));
                return OvsdbDatum.Of(atoms);
            case ConfigShape.Map:
                Demand(JsonTokenType.StartObject, place, $"an object {{ }} with {string.Join(", ", column.Keys.Select(key => key.Name))}");
                var map = new Dictionary<string, string>();
                var seen = new HashSet<string>();
                while (NextMember(seen, place, out string name, out string inner))
                {
                    var key = column.Keys.FirstOrDefault(known => known.Name == name)
                        ?? throw Wrong(inner, ConfigTable.Unknown(name, column.Keys.Select(known => known.Name)));
                    map.Add(name, ReadAtom(key.Type, inner, isInMap: true).Text);
                }
                return OvsdbDatum.Of(map);
            default:
                return OvsdbDatum.Of([ReadAtom(column.Type, place, isInMap: false)]);
        }
    }

    // The values of maps are texts in the database; here a number or a flag may be written as such as well.
    private readonly OvsdbAtom ReadAtom(ConfigType type, string place, bool isInMap)
    {
        bool isKind = (type.Kind, _json.TokenType) is (OvsdbAtomKind.String, JsonTokenType.String) or (OvsdbAtomKind.Integer, JsonTokenType.Number)
            or (OvsdbAtomKind.Boolean, JsonTokenType.True or JsonTokenType.False) || (isInMap && _json.TokenType == JsonTokenType.String);
        if (!isKind) throw Wrong(place, $"{Given()} was given, {type.Allowed} is allowed");
        string text = _json.TokenType == JsonTokenType.String ? Text(place) : Encoding.UTF8.GetString(_json.ValueSpan);
        return type.Read(text) ?? throw Wrong(place, type.Refusal(text));
    }

    private readonly string ReadText(string place)
    {
        Demand(JsonTokenType.String, place, "a text");
        return Text(place);
    }

    // Goes to the value of the next member; false at the end of the object.
    private bool NextMember(HashSet<string> seen, string place, out string name, out string inner)
    {
        _json.Read();
        (name, inner) = ("", place);
        if (_json.TokenType == JsonTokenType.EndObject) return false;
        name = Text(place);
        inner = place.Length == 0 ? name : $"{place}.{name}";
        if (!seen.Add(name)) throw Wrong(inner, "this is there twice");
        _json.Read();
        return true;
    }

    private bool NextElement()
    {
        _json.Read();
        return _json.TokenType != JsonTokenType.EndArray;
    }

    private readonly void Demand(JsonTokenType kind, string place, string allowed)
    {
        if (_json.TokenType != kind) throw Wrong(place, $"{Given()} was given, {allowed} is allowed");
    }

    private readonly string Given() => _json.TokenType switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "a list",
        JsonTokenType.String => $"the text \"{Encoding.UTF8.GetString(_json.ValueSpan)}\"",
        _ => Encoding.UTF8.GetString(_json.ValueSpan),
    };

    private readonly string Text(string place)
    {
        try
        {
            return _json.GetString()!;
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair.
            throw Wrong(place, "this is no text in UTF-8");
        }
    }

    private readonly ConfigException Wrong(string place, string what) => new($"{_file}:{Place(place)}: {what}");

    private readonly string Place(string place)
    {
        int line = _text[..(int)_json.TokenStartIndex].Count((byte)'\n') + 1;
        return place.Length == 0 ? $"{line}" : $"{line}: {place}";
    }
}
