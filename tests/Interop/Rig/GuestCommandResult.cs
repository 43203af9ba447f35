namespace VhostSwitch.Interop.Rig;

/// <summary>How a script in a guest ended, and what it printed on both streams.</summary>
internal sealed record GuestCommandResult(int ExitCode, string Output);
