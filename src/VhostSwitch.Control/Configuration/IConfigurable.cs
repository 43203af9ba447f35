namespace VhostSwitch.Control.Configuration;

/// <summary>A switch whose bridges and ports come and go while it runs. Any thread but the control thread may call it.</summary>
public interface IConfigurable
{
    /// <summary>Makes the switch what is wanted: adds what is missing, removes what is not wanted, and leaves alone what is there already.</summary>
    /// <param name="wanted">What is wanted.</param>
    /// <returns>How it is then. What could not be made says so there.</returns>
    Task<SwitchReport> ConfigureAsync(WantedSwitch wanted);

    /// <summary>How everything that was wanted last is now.</summary>
    Task<SwitchReport> ReportAsync();
}
