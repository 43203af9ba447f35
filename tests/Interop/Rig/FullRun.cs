namespace VhostSwitch.Interop.Rig;

/// <summary>
/// The short run is what fits in a few minutes; <c>./test.sh --full</c> sets VHOSTSWITCH_FULL=1 and gets every combination
/// and the large amounts.
/// </summary>
internal static class FullRun
{
    public static bool Requested { get; } = Environment.GetEnvironmentVariable("VHOSTSWITCH_FULL") == "1";
}
