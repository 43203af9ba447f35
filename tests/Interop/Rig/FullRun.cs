namespace VhostSwitch.Interop.Rig;

/// <summary>
/// The short run is what fits in a few minutes; <c>./test.sh --full</c> sets VHOSTSWITCH_FULL=1 and gets every combination
/// and the large amounts.
/// </summary>
internal static class FullRun
{
    public static bool Requested { get; } = Environment.GetEnvironmentVariable("VHOSTSWITCH_FULL") == "1";

    /// <summary>The cases of a theory with one argument: in the short run some, in the long run the others too.</summary>
    public static IEnumerable<object[]> Cases(object[] always, params object[] others) =>
        (Requested ? always.Concat(others) : always).Select(argument => new[] { argument });
}
