using System.Globalization;
using System.Text.Json;

namespace VhostSwitch.Control.Ovsdb;

/// <summary>What an <see cref="OvsdbAtom"/> is.</summary>
internal enum OvsdbAtomKind
{
    String,
    Integer,
    Real,
    Boolean,
    Uuid,
}

/// <summary>An indivisible value (RFC 7047, section 5.1, <c>atom</c>).</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">It, in its one way of writing.</param>
internal readonly record struct OvsdbAtom(OvsdbAtomKind Kind, string Text)
{
    /// <summary>A number.</summary>
    public static OvsdbAtom Of(long number) => new(OvsdbAtomKind.Integer, number.ToString(CultureInfo.InvariantCulture));

    /// <summary>Reads an atom.</summary>
    /// <exception cref="OvsdbException">It is none.</exception>
    public static OvsdbAtom Read(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.String => new(OvsdbAtomKind.String, json.GetString()!),
        JsonValueKind.True => new(OvsdbAtomKind.Boolean, "true"),
        JsonValueKind.False => new(OvsdbAtomKind.Boolean, "false"),
        JsonValueKind.Number => json.TryGetInt64(out long number) ? Of(number) : new(OvsdbAtomKind.Real, json.GetRawText()),
        JsonValueKind.Array when json.GetArrayLength() == 2 && json[0].ValueEquals("uuid"u8) && Guid.TryParse(json[1].GetString(), out var row) =>
            new(OvsdbAtomKind.Uuid, row.ToString()),
        _ => throw OvsdbDatum.Wrong(json),
    };

    /// <summary>Writes the atom.</summary>
    public void Write(Utf8JsonWriter writer)
    {
        switch (Kind)
        {
            case OvsdbAtomKind.String:
                writer.WriteStringValue(Text);
                break;
            case OvsdbAtomKind.Uuid:
                writer.WriteStartArray();
                writer.WriteStringValue("uuid");
                writer.WriteStringValue(Text);
                writer.WriteEndArray();
                break;
            default:
                writer.WriteRawValue(Text);
                break;
        }
    }
}
