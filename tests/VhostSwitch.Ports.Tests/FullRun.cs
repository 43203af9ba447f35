namespace VhostSwitch.Ports.Tests;

/// <summary><c>./test.sh --full</c> sets VHOSTSWITCH_FULL=1 and gets the large amounts.</summary>
internal static class FullRun
{
    public static bool Requested { get; } = Environment.GetEnvironmentVariable("VHOSTSWITCH_FULL") == "1";
}
