namespace VhostSwitch.Bench.Paths;

/// <summary>Where the two cores were during a sample. A change that is undone before the end stays unseen.</summary>
internal enum Placement
{
    /// <summary>Near each other before and after.</summary>
    Near,

    /// <summary>Far before and after.</summary>
    Far,

    /// <summary>They moved: the sample compares with no other.</summary>
    Moved,
}

internal static class Placements
{
    /// <param name="beforeNs">Core-to-core time one way before a sample, in nanoseconds.</param>
    /// <param name="afterNs">The same after it.</param>
    public static Placement Of(double beforeNs, double afterNs) => (beforeNs < CoreDistance.NearNs, afterNs < CoreDistance.NearNs) switch
    {
        (true, true) => Placement.Near,
        (false, false) => Placement.Far,
        _ => Placement.Moved,
    };

    /// <summary>The place in words for progress lines.</summary>
    public static string Tell(this Placement place) => place switch
    {
        Placement.Near => "near",
        Placement.Far => "far: reported by itself",
        _ => "moved: not counted",
    };
}
