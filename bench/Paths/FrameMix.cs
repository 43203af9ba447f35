using System.Globalization;

namespace VhostSwitch.Bench.Paths;

/// <summary>The lengths of a case's frames, which take them in turn.</summary>
/// <param name="Name">In words.</param>
/// <param name="Lengths">In bytes.</param>
/// <param name="Segments">Large TCP segments, for the receiver to divide.</param>
internal sealed record FrameMix(string Name, IReadOnlyList<int> Lengths, bool Segments = false)
{
    /// <summary>The shortest frame of Ethernet, without its checksum.</summary>
    public const int Shortest = 60;

    /// <summary>The longest that one buffer of every contender holds; longer ones need mergeable buffers.</summary>
    private const int LongestInOneBuffer = 1518;

    private const int Longest = 9000;

    // Seven short ones, four of middle length and a long one, spread over the twelve.
    private static readonly FrameMix Internet = new("IMIX", [64, 570, 64, 64, 570, 64, 1518, 64, 570, 64, 570, 64]);

    // 65,000 bytes fill 32 buffers.
    private static readonly FrameMix LargeSegments = new("65,000 bytes with TSO", [65_000], Segments: true);

    /// <summary>Whether some take several buffers.</summary>
    public bool IsLong => Lengths.Max() > LongestInOneBuffer;

    /// <summary>The mean length in bytes.</summary>
    public double MeanLength => Lengths.Average();

    /// <summary>The length of all frames.</summary>
    /// <exception cref="ArgumentException">They have several.</exception>
    public int Single => Lengths is [var length] ? length : throw new ArgumentException($"{Name} has no single length");

    /// <summary>What <see cref="ParseAll"/> takes, for who wrote something else.</summary>
    public static string Takes { get; } = $"lengths of {Shortest} to {Longest} bytes, imix and tso, with commas between them";

    /// <summary>Reads several as the command line has them.</summary>
    /// <returns>Null where it is nothing that this takes.</returns>
    public static IReadOnlyList<FrameMix>? ParseAll(string text)
    {
        var mixes = text.Split(',').Select(Parse).ToList();
        return mixes.Contains(null) ? null : [.. mixes.OfType<FrameMix>()];
    }

    /// <summary>Frames of one length.</summary>
    public static FrameMix Of(int length) => new($"{length} bytes", [length]);

    private static FrameMix? Parse(string text) => text switch
    {
        "imix" => Internet,
        "tso" => LargeSegments,
        _ => int.TryParse(text, CultureInfo.InvariantCulture, out int length) && length is >= Shortest and <= Longest ? Of(length) : null,
    };
}
