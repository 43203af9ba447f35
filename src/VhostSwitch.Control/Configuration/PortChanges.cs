namespace VhostSwitch.Control.Configuration;

/// <summary>What is to be done so that the interfaces there are become those of a plan. What stays is not among it: its frames flow on.</summary>
/// <param name="Removed">The names of interfaces that go, or are made anew.</param>
/// <param name="Added">The interfaces that come.</param>
/// <param name="Kept">The interfaces that stay as they are, with what may have changed about them and does not touch the device.</param>
public sealed record PortChanges(IReadOnlyList<string> Removed, IReadOnlyList<PlannedInterface> Added, IReadOnlyList<PlannedInterface> Kept)
{
    /// <summary>Compares.</summary>
    /// <param name="present">The interfaces there are; those without a device that should have one are made anew.</param>
    /// <param name="wanted">The interfaces of the plan, each with a name of its own.</param>
    /// <param name="isWhole">True for an interface that is there and has its device, if it is to have one.</param>
    public static PortChanges Between(
        IReadOnlyCollection<PlannedInterface> present, IReadOnlyList<PlannedInterface> wanted, Func<PlannedInterface, bool> isWhole)
    {
        var there = present.ToDictionary(planned => planned.Wanted.Name);
        var kept = wanted.Where(planned => there.TryGetValue(planned.Wanted.Name, out var now) && isWhole(now) && IsSame(now, planned)).ToList();
        var keptNames = kept.Select(planned => planned.Wanted.Name).ToHashSet();
        return new PortChanges(
            [.. there.Keys.Where(name => !keptNames.Contains(name))],
            [.. wanted.Where(planned => !keptNames.Contains(planned.Wanted.Name))],
            kept);
    }

    private static bool IsSame(PlannedInterface a, PlannedInterface b) =>
        a.Bridge == b.Bridge && (a.Device is null ? b.Device is null : b.Device is not null && a.Device.IsSameAs(b.Device));
}
