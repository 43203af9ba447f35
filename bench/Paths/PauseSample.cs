namespace VhostSwitch.Bench.Paths;

/// <summary>What stood still during one turn.</summary>
/// <param name="Contender">Its name.</param>
/// <param name="Round">Turns of a round follow each other directly.</param>
/// <param name="Seconds">How long the turn was.</param>
/// <param name="Over">Pauses longer than <see cref="Pauses.LimitUs"/>; of this switch those for collections.</param>
/// <param name="LongestUs">The longest pause, in microseconds; of this switch whatever the reason.</param>
/// <param name="OverForOther">Of this switch: longer ones for other reasons than collections.</param>
/// <param name="Suspensions">Of this switch: all of them.</param>
/// <param name="Collections">Of this switch: how many.</param>
/// <param name="AllocatedBytes">Of this switch: bytes that its poll thread has allocated.</param>
/// <param name="KilobytesPerSecond">Of this switch: what all threads allocate.</param>
internal sealed record PauseSample(
    string Contender, int Round, double Seconds, int Over, double LongestUs, int OverForOther = 0, IReadOnlyList<Suspension>? Suspensions = null,
    int? Collections = null, long? AllocatedBytes = null, double? KilobytesPerSecond = null)
{
    /// <summary>The sample in a line.</summary>
    public string Tell() => Suspensions is null
        ? $"{Contender,-14} {Over} pauses over {Pauses.LimitUs} us, longest {LongestUs:F0} us"
        : $"{Contender,-14} {Suspensions.Count} suspensions, {Over} for collections and {OverForOther} for other reasons over {Pauses.LimitUs} us, "
            + $"longest {LongestUs:F0} us; {Collections} collections, {KilobytesPerSecond:F0} kB/s";
}
