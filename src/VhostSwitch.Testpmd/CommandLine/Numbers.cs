using System.Globalization;
using VhostSwitch.Packets;
using VhostSwitch.Testpmd.Modes;

namespace VhostSwitch.Testpmd.CommandLine;

/// <summary>Reads the values that options and commands have in common.</summary>
internal static class Numbers
{
    /// <summary>The most frames of a burst (DPDK's MAX_PKT_BURST).</summary>
    public const int MostBurst = 512;

    /// <summary>The most pieces of a generated frame (DPDK's RTE_MAX_SEGS_PER_PKT).</summary>
    public const int MostSegments = 255;

    // The longest piece, as long as DPDK's buffers are without their headroom.
    private const int LongestSegment = 2048;

    /// <summary>Reads a decimal number.</summary>
    /// <param name="text">The word.</param>
    /// <param name="what">What it is for, for the message.</param>
    /// <param name="least">The least that is allowed.</param>
    /// <param name="most">The most that is allowed.</param>
    /// <exception cref="TestpmdException">It is none of these.</exception>
    public static int Read(string text, string what, int least, int most) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= least && value <= most
            ? value
            : throw new TestpmdException($"{what} should be >= {least} and <= {most}: '{text}' was given");

    /// <summary>Reads a mask, hexadecimal with or without <c>0x</c>.</summary>
    /// <param name="text">The word.</param>
    /// <param name="what">What it is for, for the message.</param>
    /// <exception cref="TestpmdException">It is none.</exception>
    public static ulong ReadMask(string text, string what)
    {
        string digits = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? text[2..] : text;
        return ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong mask)
            ? mask
            : throw new TestpmdException($"{what} should be a hexadecimal mask such as 0x3: '{text}' was given");
    }

    /// <summary>The positions of the bits of a mask.</summary>
    /// <param name="mask">The mask.</param>
    public static int[] Bits(ulong mask) => [.. Enumerable.Range(0, 64).Where(bit => (mask >> bit & 1) != 0)];

    /// <summary>Reads a list such as <c>0,2-4</c>.</summary>
    /// <param name="text">The word.</param>
    /// <param name="what">What it is for, for the message.</param>
    /// <exception cref="TestpmdException">It is none, or names something twice.</exception>
    public static int[] ReadList(string text, string what)
    {
        const int Most = 1023;
        var numbers = new List<int>();
        foreach (string part in text.Split(','))
        {
            string[] ends = part.Split('-');
            if (ends.Length > 2) throw new TestpmdException($"{what} should be a list such as 0,2-4: '{text}' was given");
            int first = Read(ends[0], what, 0, Most), last = Read(ends[^1], what, first, Most);
            numbers.AddRange(Enumerable.Range(first, last - first + 1));
        }
        if (numbers.Distinct().Count() != numbers.Count) throw new TestpmdException($"{what} names one of them twice: '{text}' was given");
        return [.. numbers];
    }

    /// <summary>Reads an address: six bytes with colons, or with commas as some editions of the documents print it.</summary>
    /// <param name="text">The word.</param>
    /// <exception cref="TestpmdException">It is none.</exception>
    public static MacAddress ReadAddress(string text) => MacAddress.TryParse(text.Replace(',', ':'), out var address)
        ? address
        : throw new TestpmdException($"Invalid ethernet address: '{text}' was given, six bytes such as 00:01:02:03:04:05 are allowed");

    /// <summary>Reads the lengths of the pieces of generated frames.</summary>
    /// <param name="text">Lengths in bytes with commas between.</param>
    /// <exception cref="TestpmdException">A frame of such pieces has no room for its headers, or is too long.</exception>
    public static int[] ReadSegments(string text)
    {
        string[] words = text.Split(',');
        if (words.Length > MostSegments) throw new TestpmdException($"txpkts: {words.Length} segments were given, {MostSegments} are the most");
        // A frame's addresses and type lie in its first piece.
        int[] lengths = [.. words.Select((word, i) =>
            Read(word, "length of a txpkts segment", i == 0 ? Ethernet.SnapshotLength : 1, LongestSegment))];
        int sum = lengths.Sum();
        if (sum < UdpFrame.HeaderLength || sum > ushort.MaxValue)
            throw new TestpmdException($"txpkts: a frame of {sum} bytes was asked for, {UdpFrame.HeaderLength} to {ushort.MaxValue} are allowed");
        return lengths;
    }

    /// <summary>Reads <c>on</c> or <c>off</c>.</summary>
    /// <param name="text">The word.</param>
    public static bool IsOn(string text) => text == "on";
}
