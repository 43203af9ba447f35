using System.Globalization;

namespace VhostSwitch.Bench.Paths;

/// <summary>The lengths of a case's frames, which take them in turn.</summary>
internal sealed record FrameMix(string Name, IReadOnlyList<int> Lengths)
{
    /// <summary>The shortest frame of Ethernet, without its checksum.</summary>
    private const int Shortest = 60;

    /// <summary>The longest that one buffer of every contender holds.</summary>
    private const int Longest = 1518;

    // Seven short ones, four of middle length and a long one, spread over the twelve.
    private static readonly FrameMix Internet = new("IMIX", [64, 570, 64, 64, 570, 64, 1518, 64, 570, 64, 570, 64]);

    /// <summary>The length of all frames.</summary>
    /// <exception cref="ArgumentException">They have several.</exception>
    public int Single => Lengths is [var length] ? length : throw new ArgumentException($"{Name} has no single length");

    /// <summary>What <see cref="ParseAll"/> takes, for who wrote something else.</summary>
    public static string Takes { get; } = $"lengths of {Shortest} to {Longest} bytes and imix, with commas between them";

    /// <summary>Reads several as the command line has them.</summary>
    /// <returns>Null where it is nothing that this takes.</returns>
    public static IReadOnlyList<FrameMix>? ParseAll(string text)
    {
        var mixes = text.Split(',').Select(Parse).ToList();
        return mixes.Contains(null) ? null : [.. mixes.OfType<FrameMix>()];
    }

    /// <summary>Frames of one length.</summary>
    public static FrameMix Of(int length) => new($"{length} bytes", [length]);

    private static FrameMix? Parse(string text) => text == "imix" ? Internet
        : int.TryParse(text, CultureInfo.InvariantCulture, out int length) && length is >= Shortest and <= Longest ? Of(length) : null;
}
