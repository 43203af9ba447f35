namespace VhostSwitch.Linux;

/// <summary>Who this process runs as.</summary>
public static class HostUser
{
    /// <summary>The effective user id; 0 is root.</summary>
    public static uint EffectiveUserId => Libc.geteuid();
}
