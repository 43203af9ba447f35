using VhostSwitch.Control.CommandLine;

namespace VhostSwitch.Control.Tests.CommandLine;

/// <summary>Parses command lines as a shell would hand them over, on a machine with four cores.</summary>
internal static class Line
{
    public static readonly int[] FourCores = [0, 1, 2, 3];

    public static SwitchRequest Parse(string line, params int[] coresPresent) =>
        SwitchCommandLine.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries), coresPresent.Length == 0 ? FourCores : coresPresent);

    public static SwitchRequest.Run Run(string line, params int[] coresPresent) => Assert.IsType<SwitchRequest.Run>(Parse(line, coresPresent));

    public static SwitchConfiguration Configuration(string line, params int[] coresPresent) => Run(line, coresPresent).Configuration;

    public static IReadOnlyList<string> Notices(string line, params int[] coresPresent) => Run(line, coresPresent).Notices;

    public static string Error(string line, params int[] coresPresent) =>
        Assert.Throws<CommandLineException>(() => Parse(line, coresPresent)).Message;
}
