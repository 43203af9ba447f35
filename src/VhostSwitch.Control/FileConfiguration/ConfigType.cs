using System.Globalization;
using VhostSwitch.Control.CommandLine;
using VhostSwitch.Control.Ovsdb;

namespace VhostSwitch.Control.FileConfiguration;

/// <summary>The values that a column may have: what the database's server checks for whoever has one.</summary>
/// <param name="Kind">What a value is.</param>
/// <param name="Allowed">Words for it, as in "a whole number from 1 to 9".</param>
internal sealed record ConfigType(OvsdbAtomKind Kind, string Allowed)
{
    /// <summary>True or false.</summary>
    public static readonly ConfigType Flag = new(OvsdbAtomKind.Boolean, "true or false") { Words = ["true", "false"] };

    /// <summary>Any text but none.</summary>
    public static readonly ConfigType Text = new(OvsdbAtomKind.String, "a text");

    /// <summary>The address of an interface.</summary>
    public static readonly ConfigType Address = new(OvsdbAtomKind.String, "an address of one interface such as 52:54:00:00:00:01");

    /// <summary>The name of a port of the same bridge.</summary>
    public static readonly ConfigType Port = new(OvsdbAtomKind.String, "the name of a port");

    /// <summary>The least number.</summary>
    public long Least { get; private init; }

    /// <summary>The greatest number.</summary>
    public long Most { get; private init; }

    /// <summary>The only texts that are allowed; empty where these are not to be counted.</summary>
    public IReadOnlyList<string> Words { get; private init; } = [];

    /// <summary>Whole numbers of a range.</summary>
    public static ConfigType Number(long least, long most) =>
        new(OvsdbAtomKind.Integer, $"a whole number from {least} to {most}") { Least = least, Most = most };

    /// <summary>One of several words.</summary>
    public static ConfigType OneOf(params IReadOnlyList<string> words) =>
        new(OvsdbAtomKind.String, string.Join(", ", words.SkipLast(1)) + " or " + words[^1]) { Words = words };

    /// <summary>Reads a value.</summary>
    /// <param name="text">The value as text.</param>
    /// <returns>Null where it is none.</returns>
    public OvsdbAtom? Read(string text)
    {
        if (Kind == OvsdbAtomKind.Integer)
        {
            bool isNumber = long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number);
            return isNumber && number >= Least && number <= Most ? OvsdbAtom.Of(number) : null;
        }
        bool fits = Words.Count > 0 ? Words.Contains(text)
            : this == Address ? OvsdbConfiguration.Address(text) is not null
            : text.Length > 0;
        return fits ? new OvsdbAtom(Kind, text) : null;
    }

    /// <summary>What to say where <see cref="Read"/> returns null.</summary>
    /// <param name="text">What was given.</param>
    public string Refusal(string text)
    {
        string nearest = Words.Count > 2 && NearestName.Of(text, Words) is { } word ? $"; the nearest is {word}" : "";
        return $"{(text.Length == 0 ? "nothing" : text)} was given, {Allowed} is allowed{nearest}";
    }
}
