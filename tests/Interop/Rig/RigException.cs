namespace VhostSwitch.Interop.Rig;

/// <summary>A counterpart did not do what the test needs. The text holds everything that it said.</summary>
internal sealed class RigException(string message, params object[] transcripts)
    : Exception(message + "\n" + string.Join("\n", transcripts))
{
}
