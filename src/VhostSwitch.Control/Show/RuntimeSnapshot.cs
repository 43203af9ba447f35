namespace VhostSwitch.Control.Show;

/// <summary>What the runtime has done since the switch started. A collection stops all threads, those that poll too.</summary>
/// <param name="Collections">Garbage collections.</param>
/// <param name="PauseUs">How long they have stopped the threads in all, in microseconds.</param>
/// <param name="AllocatedBytes">What all threads have allocated on the managed heap since the program started.</param>
public sealed record RuntimeSnapshot(int Collections, long PauseUs, long AllocatedBytes);
