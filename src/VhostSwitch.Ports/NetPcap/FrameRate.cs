using System.Globalization;

namespace VhostSwitch.Ports.NetPcap;

/// <summary>How fast frames are given.</summary>
/// <param name="PerSecond">So many in a second; 0 for no such limit.</param>
/// <param name="Original">True to give them with the distances in time that they were captured with.</param>
internal readonly record struct FrameRate(ulong PerSecond, bool Original)
{
    /// <summary>More than a poll thread can give; also keeps products with nanoseconds within 64 bits.</summary>
    public const ulong Most = 1_000_000_000;

    /// <summary>As fast as they are taken.</summary>
    public static readonly FrameRate Unlimited = default;

    /// <summary>Reads a rate: frames in a second, with <c>k</c>, <c>M</c> or <c>G</c> behind the number, or <c>original</c>.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The rate; null where the text says none.</returns>
    public static FrameRate? Parse(string text)
    {
        if (text == "original") return new FrameRate(0, Original: true);
        decimal unit = text.Length == 0 ? 0 : text[^1] switch { 'k' or 'K' => 1000, 'm' or 'M' => 1_000_000, 'g' or 'G' => 1_000_000_000, _ => 1 };
        if (unit > 1) text = text[..^1];
        if (!decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value) || value > Most) return null;
        return Math.Floor(value * unit) is var rate && rate >= 1 && rate <= Most ? new FrameRate((ulong)rate, Original: false) : null;
    }

    /// <inheritdoc/>
    public override string ToString() =>
        Original ? "with the distances they were captured with" : PerSecond == 0 ? "as fast as they are taken" : $"{PerSecond} a second";
}
