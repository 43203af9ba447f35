namespace VhostSwitch.Control.CommandLine;

/// <summary>What the programs of this project tell the shell; <c>--help</c> lists them.</summary>
public static class ExitCode
{
    /// <summary>Done.</summary>
    public const int Ok = 0;

    /// <summary>It could not start, or what was asked for did not work.</summary>
    public const int Failed = 1;

    /// <summary>The command line is wrong; nothing was started.</summary>
    public const int BadCommandLine = 2;
}
