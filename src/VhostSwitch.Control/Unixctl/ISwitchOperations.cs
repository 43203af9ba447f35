using VhostSwitch.Control.Show;

namespace VhostSwitch.Control.Unixctl;

/// <summary>What <see cref="OvsCommands"/> asks of the switch. Called on any thread.</summary>
public interface ISwitchOperations
{
    /// <summary>The bridges with their tables of addresses.</summary>
    Task<IReadOnlyList<BridgeSnapshot>> BridgesAsync();

    /// <summary>Makes all addresses of a bridge unknown.</summary>
    /// <param name="bridge">The bridge's name.</param>
    Task FlushAsync(string bridge);

    /// <summary>The poll threads and their queues.</summary>
    Task<IReadOnlyList<PollThreadLoad>> LoadsAsync();
}
