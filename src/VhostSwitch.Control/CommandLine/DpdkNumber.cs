using System.Globalization;

namespace VhostSwitch.Control.CommandLine;

/// <summary>
/// Numbers as DPDK's example reads them: decimal, the whole word, from 0 to a limit. Messages begin with the words that users
/// of DPDK search for ("Invalid argument for vm2vm [0|1|2]").
/// </summary>
internal static class DpdkNumber
{
    /// <summary>The limit of DPDK's options that have none of their own.</summary>
    public const int Max = int.MaxValue;

    /// <summary>Reads a number.</summary>
    /// <param name="text">The word; null for an option that was not given.</param>
    /// <param name="default">The number for null.</param>
    /// <param name="keyword">DPDK's words for the option and its range.</param>
    /// <param name="max">The largest number.</param>
    /// <param name="unit">The unit for the message, with a blank before it.</param>
    /// <exception cref="CommandLineException">The word is no such number.</exception>
    public static int Read(string? text, int @default, string keyword, int max, string unit = "")
    {
        if (text is null) return @default;
        if (TryRead(text, max, out int value)) return value;
        string allowed = max switch
        {
            1 => "0 or 1 is allowed",
            2 => "0, 1 or 2 is allowed",
            _ => $"a whole number from 0 to {max}{unit} is allowed",
        };
        throw new CommandLineException($"Invalid argument for {keyword}: '{text}' was given, {allowed}");
    }

    /// <summary>Reads 0 or 1.</summary>
    /// <inheritdoc cref="Read"/>
    public static bool ReadSwitch(string? text, bool @default, string keyword) => Read(text, @default ? 1 : 0, keyword, 1) == 1;

    /// <summary>True when a word is a decimal number that is not too large.</summary>
    public static bool TryRead(string text, int max, out int value) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value <= max;
}
