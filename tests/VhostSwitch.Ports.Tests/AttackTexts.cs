namespace VhostSwitch.Ports.Tests;

/// <summary>What people read of each attack: the note on a connection that was ended, or the status line of the port.</summary>
internal static class AttackTexts
{
    public static readonly Dictionary<string, string> ByName = new()
    {
    };
}
