using System.Globalization;

namespace VhostSwitch.Linux;

/// <summary>The processor's clock.</summary>
public static class ProcessorClock
{
    /// <summary>
    /// The rate of the time stamp counter in MHz, whose ticks programs that read it call cycles; it stays the same whatever speed the processor has. Null
    /// where the kernel does not tell, as on processors without such a counter.
    /// </summary>
    public static double? CounterMHz { get; } = RateIn(File.ReadLines("/proc/cpuinfo"));

    // "bogomips" is twice the counter's rate on x86, and what it is elsewhere is written otherwise; "cpu MHz" is the speed of the moment.
    internal static double? RateIn(IEnumerable<string> lines)
    {
        string? line = lines.FirstOrDefault(line => line.StartsWith("bogomips", StringComparison.Ordinal) && line.Contains(':', StringComparison.Ordinal));
        bool isNumber = double.TryParse(line?[(line.IndexOf(':', StringComparison.Ordinal) + 1)..], CultureInfo.InvariantCulture, out double value);
        return isNumber && value > 0 ? value / 2 : null;
    }
}
